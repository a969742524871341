//! The `zoogate` binary.

fn main() {}
