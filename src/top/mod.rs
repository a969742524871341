//! The screen of `zoogate top`: what is known, which key does what, and how it is drawn.
//!
//! [`TopModel`] is given answers of the admin API and keys, and says what to ask next; [`draw`] puts it on a buffer of
//! cells. Nothing here knows a terminal, a clock or a socket, so that every screen can be made in a test. What comes
//! from the network is escaped when a cell is made of it ([`TopCell`]).

mod api_question;
mod cli_command;
mod column_chooser;
mod counter_rates;
mod detail_page;
mod event_rows;
mod export_text;
mod filter_line;
mod help_page;
mod key_actions;
mod load_rows;
mod screen;
mod screen_look;
mod server_rows;
mod session_rows;
mod table_drawing;
mod table_state;
mod top_cell;
mod top_column;
mod top_model;
mod top_row;
mod top_view;
mod whole_list;

pub use api_question::{ApiAnswer, ApiQuestion, PollFailure, PollQuestions, PollRound};
pub use export_text::ExportFile;
pub use key_actions::{TopEffect, TopKey};
pub use screen::{buffer_text, draw, plain_text};
pub use screen_look::ScreenLook;
pub use top_cell::TopCell;
pub use top_model::TopModel;
pub use top_view::TopView;
