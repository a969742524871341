//! The live relay against a recording server: what comes out is what went in, whatever the surroundings.
//!
//! Every test starts the program itself and plays both of its neighbours, byte by byte.

mod bytes;
mod claims;
mod details;
mod dialects;
mod disconnect;
mod ends;
mod history;
mod hostile;
mod limits;
mod loops;
mod mirror;
mod otlp;
mod own_pauses;
mod pooled;
mod pressure;
mod probing;
mod readers;
mod shutdown;
mod storm;
mod strangers;
mod support;
mod surroundings;
mod tap;
mod waiting;
