//! Samples of the kernel's counts that fail: which failures end a sampler, and which of them are news.

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::ControlFlow;

use rustix::io::Errno;

/// Failures of one sampler.
pub(in crate::proxy) struct SampleFailures {
    /// What is asked about, for the log.
    about: &'static str,
    /// Whether the last sample failed.
    is_failing: bool,
}

impl SampleFailures {
    /// Nothing was asked yet.
    pub(in crate::proxy) fn new(about: &'static str) -> Self {
        Self { about, is_failing: false }
    }

    /// Notes how a sample went, and gives what it found. Of failures in a row the first is logged. Break where the kernel
    /// will never tell.
    pub(in crate::proxy) fn note<T>(&mut self, sample: io::Result<T>) -> ControlFlow<(), Option<T>> {
        let was_failing = mem::replace(&mut self.is_failing, sample.is_err());
        match sample {
            Ok(found) => ControlFlow::Continue(Some(found)),
            Err(error) if is_lasting(&error) => {
                tracing::info!(%error, "the kernel does not report on {}", self.about);
                ControlFlow::Break(())
            }
            Err(error) => {
                if !was_failing {
                    tracing::info!(%error, "the kernel could not be asked about {}: it is asked again", self.about);
                }
                ControlFlow::Continue(None)
            }
        }
    }
}

/// Whether it will be so for as long as this process runs: the kernel was built without `sock_diag`, or does not allow it.
/// All else passes: no descriptors or no memory left, an answer that was cut.
fn is_lasting(error: &io::Error) -> bool {
    // EPERM and EACCES; ENOENT.
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound)
        || [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT].contains(&Errno::from_io_error(error).unwrap_or(Errno::INTR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(errno: Errno) -> io::Result<u32> {
        Err(io::Error::from(errno))
    }

    #[test]
    fn what_passes_skips_a_sample_and_the_next_one_counts() {
        let mut failures = SampleFailures::new("nothing");
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::AGAIN, Errno::NOMEM, Errno::INTR, Errno::INVAL]
        {
            assert_eq!(failures.note(failure(errno)), ControlFlow::Continue(None), "{errno}");
            assert!(failures.is_failing);
            assert_eq!(failures.note(Ok(3)), ControlFlow::Continue(Some(3)));
            assert!(!failures.is_failing);
        }
        let strange: io::Result<u32> = Err(io::Error::new(ErrorKind::InvalidData, "no message"));
        assert_eq!(failures.note(strange), ControlFlow::Continue(None));
    }

    #[test]
    fn what_the_kernel_does_not_do_or_allow_ends_the_samples() {
        for errno in [Errno::PERM, Errno::ACCESS, Errno::NOENT, Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT] {
            assert_eq!(SampleFailures::new("nothing").note(failure(errno)), ControlFlow::Break(()), "{errno}");
        }
    }
}
