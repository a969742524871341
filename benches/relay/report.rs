//! Medians, and the one Markdown table.

use crate::cases::Work;
use crate::peers::Peer;
use crate::rounds::{CaseSamples, Sample};

/// What the ratios of the table are against.
const REFERENCE: Peer = Peer::Haproxy;

/// Prints the table of all cases.
pub(crate) fn print(results: &[CaseSamples], peers: &[Peer]) {
    println!();
    println!("| case | peer | operations/s | × | CPU µs/op | × | p50 µs | × | p99 µs | × | MB/s | bytes/session | × |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    for result in results {
        for (index, peer) in peers.iter().enumerate() {
            print_row(result, peers, index, peer);
        }
    }
}

fn print_row(result: &CaseSamples, peers: &[Peer], index: usize, peer: &Peer) {
    let idle = matches!(result.case.work, Work::Idle { .. });
    if idle && *peer == Peer::Direct {
        return;
    }
    let own = &result.samples[index];
    if own.is_empty() {
        return;
    }
    let reference = peers.iter().position(|peer| *peer == REFERENCE).map(|at| &result.samples[at]);
    let of = |figure: fn(&Sample) -> f64| median(own.iter().flatten().map(figure).collect());
    let against = |figure: fn(&Sample) -> f64| {
        let reference = reference?;
        let pairs =
            own.iter().zip(reference).filter_map(|(own, other)| Some((figure(own.as_ref()?), figure(other.as_ref()?))));
        median(pairs.filter(|(_, other)| *other > 0.0).map(|(own, other)| own / other).collect())
    };
    let figures: [fn(&Sample) -> f64; 5] = [
        |sample| sample.operations_per_s,
        |sample| sample.cpu_us,
        |sample| sample.p50_us,
        |sample| sample.p99_us,
        |sample| sample.bytes_per_session,
    ];
    let cells: Vec<_> = figures.iter().map(|&figure| (number(of(figure)), ratio(against(figure)))).collect();
    let failed = own.iter().filter(|sample| sample.is_none()).count();
    let note = if failed > 0 { format!(" ({failed} of {} slices failed)", own.len()) } else { String::new() };
    println!(
        "| {} | {peer}{note} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        result.case.title,
        cells[0].0,
        cells[0].1,
        cells[1].0,
        cells[1].1,
        cells[2].0,
        cells[2].1,
        cells[3].0,
        cells[3].1,
        number(of(|sample| sample.megabytes_per_s)),
        cells[4].0,
        cells[4].1,
    );
}

/// The middle of the figures; of an even number, the mean of the middle two.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.is_empty() {
        None
    } else if figures.len() % 2 == 1 {
        Some(figures[middle])
    } else {
        Some(f64::midpoint(figures[middle - 1], figures[middle]))
    }
}

fn number(figure: Option<f64>) -> String {
    match figure {
        None | Some(0.0) => String::new(),
        Some(figure) if figure >= 1_000.0 => grouped(figure.round() as u64),
        Some(figure) if figure >= 100.0 => format!("{figure:.0}"),
        Some(figure) if figure >= 10.0 => format!("{figure:.1}"),
        Some(figure) => format!("{figure:.2}"),
    }
}

fn ratio(figure: Option<f64>) -> String {
    figure.filter(|figure| *figure > 0.0).map_or_else(String::new, |figure| format!("{figure:.2}"))
}

fn grouped(figure: u64) -> String {
    let digits = figure.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
