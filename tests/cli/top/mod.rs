//! `zoogate top`: every screen as text, and the program on a terminal.

mod answers;
mod filters;
mod once;
mod screens;
mod terminal;
