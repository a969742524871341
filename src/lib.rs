//! A transparent proxy between ZooKeeper clients and their ensemble.

pub mod admin;
pub mod api;
pub mod bounds;
pub mod cli;
pub mod config;
pub mod control;
pub mod diagnose;
pub mod doctor;
pub mod filter;
pub mod history;
pub mod ids;
pub mod lock;
pub mod measure;
pub mod observe;
pub mod otlp;
pub mod proxy;
pub mod report;
pub mod route;
pub mod session;
pub mod sim;
pub mod state;
pub mod text;
pub mod time;
pub mod top;
pub mod wire;
