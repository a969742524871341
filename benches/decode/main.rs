//! What looking costs: nanoseconds for an operation's decoding, matching and recording, without any socket.
//!
//! `cargo bench --bench decode`. It informs and asserts nothing: time differs between machines. What must hold
//! on every machine (no allocation, a bound on instructions) is asserted by `tests/cost`.

mod workload;

use std::hint::black_box;
use std::time::{Duration, Instant};
use workload::Workload;

/// Samples of which the median is shown.
const SAMPLES: usize = 101;
/// Time of one sample: long against a clock reading, short against what else a machine does.
const SAMPLE: Duration = Duration::from_millis(5);

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("decode is a bench: cargo bench --bench decode");
        return;
    }
    println!("| requests in flight | ns/operation, median | fastest |");
    println!("|---|---|---|");
    for depth in [1, 16, 64] {
        let mut samples: Vec<f64> = Vec::with_capacity(SAMPLES);
        let mut workload = Workload::new(depth);
        for _ in 0..SAMPLES {
            samples.push(sample(&mut workload));
        }
        samples.sort_by(f64::total_cmp);
        println!("| {depth} | {:.1} | {:.1} |", samples[SAMPLES / 2], samples[0]);
    }
}

/// Nanoseconds per operation.
fn sample(workload: &mut Workload) -> f64 {
    let before = workload.recorded();
    let start = Instant::now();
    while start.elapsed() < SAMPLE {
        for _ in 0..64 {
            black_box(&mut *workload).round();
        }
    }
    let elapsed = start.elapsed();
    elapsed.as_nanos() as f64 / (workload.recorded() - before) as f64
}
