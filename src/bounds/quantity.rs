//! How large a bound is, in words.

use std::fmt;
use std::time::Duration;

/// The value of a bound, with its unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BoundQuantity {
    /// A number of things.
    Count(u64),
    /// Memory.
    Bytes(u64),
    /// A length of time.
    Time(Duration),
}

/// Units of sizes and their bytes, largest first.
const SIZES: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
/// Units of times and their milliseconds, largest first.
const TIMES: [(&str, u64); 3] = [("min", 60_000), ("s", 1_000), ("ms", 1)];

impl BoundQuantity {
    pub(super) fn count(number: impl TryInto<u64>) -> Self {
        Self::Count(number.try_into().unwrap_or(u64::MAX))
    }

    pub(super) fn bytes(number: impl TryInto<u64>) -> Self {
        Self::Bytes(number.try_into().unwrap_or(u64::MAX))
    }

    pub(super) fn time(length: Duration) -> Self {
        Self::Time(length)
    }
}

impl fmt::Display for BoundQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, units, smallest) = match *self {
            Self::Count(number) => return f.write_str(&grouped(number)),
            Self::Bytes(bytes) => (bytes, SIZES, "bytes"),
            Self::Time(time) => (u64::try_from(time.as_millis()).unwrap_or(u64::MAX), TIMES, "ms"),
        };
        match units.iter().find(|(_, scale)| number >= *scale && number.is_multiple_of(*scale)) {
            Some((unit, scale)) => write!(f, "{} {unit}", grouped(number / scale)),
            None => write!(f, "{} {smallest}", grouped(number)),
        }
    }
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A constant behind a bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BoundLimit {
    /// Where it is declared, from the root of the sources.
    pub constant: &'static str,
    /// How much it is.
    pub quantity: BoundQuantity,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_largest_unit_that_divides_them() {
        for (quantity, text) in [
            (BoundQuantity::count(7_usize), "7"),
            (BoundQuantity::count(65_536), "65,536"),
            (BoundQuantity::count(1_000_000_i64), "1,000,000"),
            (BoundQuantity::bytes(255), "255 bytes"),
            (BoundQuantity::bytes(1_500), "1,500 bytes"),
            (BoundQuantity::bytes(16 << 10), "16 KiB"),
            (BoundQuantity::bytes(3 << 20), "3 MiB"),
            (BoundQuantity::time(Duration::from_millis(300)), "300 ms"),
            (BoundQuantity::time(Duration::from_millis(1_500)), "1,500 ms"),
            (BoundQuantity::time(Duration::from_secs(90)), "90 s"),
            (BoundQuantity::time(Duration::from_mins(10)), "10 min"),
            (BoundQuantity::time(Duration::ZERO), "0 ms"),
        ] {
            assert_eq!(quantity.to_string(), text);
        }
    }
}
