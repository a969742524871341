//! Patterns with `*` (any bytes, also none) and `?` (one byte). A backslash takes the next byte as it is.

/// A pattern as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct GlobPattern {
    steps: Vec<GlobStep>,
    pub(super) text: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum GlobStep {
    Byte(u8),
    AnyByte,
    AnyBytes,
}

impl GlobPattern {
    pub(super) fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            let step = match byte {
                b'*' => GlobStep::AnyBytes,
                b'?' => GlobStep::AnyByte,
                b'\\' => GlobStep::Byte(bytes.next().unwrap_or(b'\\')),
                other => GlobStep::Byte(other),
            };
            // Two stars say no more than one and cost a search each.
            if step != GlobStep::AnyBytes || steps.last() != Some(&step) {
                steps.push(step);
            }
        }
        Self { steps, text: text.to_owned() }
    }

    /// A pattern that fits every text with `part` in it.
    pub(super) fn containing(part: &str) -> Self {
        let mut text = String::from("*");
        for letter in part.chars() {
            if matches!(letter, '*' | '?' | '\\') {
                text.push('\\');
            }
            text.push(letter);
        }
        text.push('*');
        Self::parse(&text)
    }

    /// Signs behind its first star: those that may be compared at every byte of a text, further stars among them. One at
    /// the end costs nothing.
    pub(super) fn retried(&self) -> usize {
        let steps = self.steps.strip_suffix(&[GlobStep::AnyBytes]).unwrap_or(&self.steps);
        let star = steps.iter().position(|step| *step == GlobStep::AnyBytes);
        star.map_or(0, |star| steps.len() - star - 1)
    }

    /// Whether it fits the whole text. Takes at most as many steps as the text has bytes times those of
    /// the pattern behind its first star.
    pub(super) fn fits(&self, text: &[u8]) -> bool {
        let (mut step, mut place) = (0, 0);
        // Where the last star stands, and up to where it has been taken to reach.
        let mut star: Option<(usize, usize)> = None;
        while place < text.len() {
            match self.steps.get(step) {
                Some(GlobStep::Byte(byte)) if *byte == text[place] => (step, place) = (step + 1, place + 1),
                Some(GlobStep::AnyByte) => (step, place) = (step + 1, place + 1),
                // Whatever is left fits.
                Some(GlobStep::AnyBytes) if step + 1 == self.steps.len() => return true,
                Some(GlobStep::AnyBytes) => {
                    star = Some((step, place));
                    step += 1;
                }
                _ => {
                    // Only the last star has to give way: an earlier one reaches no other end of what stands between.
                    let Some((stood, reached)) = star else { return false };
                    star = Some((stood, reached + 1));
                    (step, place) = (stood + 1, reached + 1);
                }
            }
        }
        self.steps[step..].iter().all(|rest| *rest == GlobStep::AnyBytes)
    }

    /// Whether it fits some text with this beginning.
    pub(super) fn fits_some(&self, beginning: &[u8]) -> bool {
        let before_star = self.steps.iter().take_while(|step| **step != GlobStep::AnyBytes);
        let fits = |(step, byte): (&GlobStep, &u8)| *step == GlobStep::AnyByte || *step == GlobStep::Byte(*byte);
        // From a star on, what is left of the beginning can stand for it, and the rest is free.
        let is_free = self.steps.contains(&GlobStep::AnyBytes) || self.steps.len() >= beginning.len();
        is_free && before_star.zip(beginning).all(fits)
    }

    /// Whether it fits every text with this beginning.
    pub(super) fn fits_all(&self, beginning: &[u8]) -> bool {
        self.steps.last() == Some(&GlobStep::AnyBytes) && self.fits(beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_beginning_it_is_told_whether_some_and_whether_every_text_fits() {
        for (pattern, beginning, some, all) in [
            ("/a/*", "/a/b", true, true),
            ("/a/*", "/a", true, false),
            ("/a/*", "/b/c", false, false),
            ("/a/*/c", "/a/b", true, false),
            ("*/c", "/a/b", true, false),
            ("*/c*", "/a/c", true, true),
            ("/a/b?c", "/a/", true, false),
            ("/a/b?c", "/a/bxc", true, false),
            ("/a/b?c", "/a/bxcd", false, false),
            ("/a?", "/ab", true, false),
        ] {
            let read = GlobPattern::parse(pattern);
            let found = (read.fits_some(beginning.as_bytes()), read.fits_all(beginning.as_bytes()));
            assert_eq!(found, (some, all), "{pattern} {beginning}");
        }
    }

    #[test]
    fn stars_marks_and_backslashes_mean_what_they_do_in_a_shell() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("/a/*", "/a/b/c", true),
            ("/a/*", "/a", false),
            ("/a/?", "/a/b", true),
            ("/a/?", "/a/", false),
            ("*ab*ab", "abcabab", true),
            ("*ab*ab", "ab", false),
            ("a**b", "ab", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a\\", "a\\", true),
        ] {
            assert_eq!(GlobPattern::parse(pattern).fits(text.as_bytes()), fits, "{pattern} {text}");
        }
        for (pattern, retried) in [("", 0), ("ab*", 0), ("**", 0), ("*a", 1), ("*a*", 1), ("*a*?", 3), ("x*a*b*c*", 5)]
        {
            assert_eq!(GlobPattern::parse(pattern).retried(), retried, "{pattern}");
        }
        assert!(GlobPattern::containing("a*b").fits(b"xa*by"));
        assert!(!GlobPattern::containing("a*b").fits(b"xaxby"));
    }
}
