//! A client's connect string as the Java client takes it, and what is odd about it.

use crate::config::ServerAddress;
use crate::text::one_line;

/// A connect string, taken apart. What is wrong in it is told by its place: a line that went wrong may hold a secret.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConnectReading {
    /// The addresses, in order, those behind a chroot in the wrong place too.
    pub addresses: Vec<ServerAddress>,
    /// Whether there is a chroot other than the root.
    pub has_chroot: bool,
    /// Whether a chroot stands behind an address that is not the last.
    pub is_chroot_repeated: bool,
    /// What is wrong with the chroot.
    pub chroot_fault: Option<&'static str>,
    /// The parts that are no address, from 1.
    pub wrong_parts: Vec<usize>,
    /// How many parts there are.
    pub parts: usize,
}

impl ConnectReading {
    /// Takes a connect string apart.
    pub fn of(text: &str) -> Self {
        let text = text.trim();
        // `ConnectStringParser`: the first slash begins the chroot, all the rest of the text.
        let chroot = text.find('/').map_or("", |slash| &text[slash..]);
        let mut reading =
            Self { has_chroot: chroot.len() > 1, is_chroot_repeated: chroot.contains(','), ..Self::default() };
        if !reading.is_chroot_repeated {
            reading.chroot_fault = chroot_fault(chroot);
        }
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            // A chroot in the wrong place hides addresses from the client, and not from a look at what was meant.
            let host = part.split('/').next().unwrap_or_default();
            reading.parts += 1;
            match host.parse() {
                Ok(address) => reading.addresses.push(address),
                Err(_) => reading.wrong_parts.push(reading.parts),
            }
        }
        reading
    }
}

/// What `PathUtils.validatePath` has against a chroot.
fn chroot_fault(chroot: &str) -> Option<&'static str> {
    if chroot.len() < 2 {
        None
    } else if chroot.ends_with('/') {
        Some("it ends with a slash")
    } else if chroot.contains("//") {
        Some("a part of it is empty")
    } else if chroot.split('/').any(|part| matches!(part, "." | "..")) {
        Some("a part of it is . or ..")
    } else if one_line(chroot) != chroot {
        Some("it holds letters that are not seen")
    } else if chroot.contains([' ', '=']) {
        Some("it holds a blank or an equals sign: is a line continued that should not be?")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_string_has_its_chroot_once_at_its_end() {
        let good = ConnectReading::of(" zk1:2181, zk2,zk3:7/kafka/east ");
        let names: Vec<String> = good.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["zk1:2181", "zk2:2181", "zk3:7"]);
        assert!(
            good.has_chroot && !good.is_chroot_repeated && good.chroot_fault.is_none() && good.wrong_parts.is_empty()
        );
        let root = ConnectReading::of("zk1/");
        assert!(!root.has_chroot && root.chroot_fault.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place() {
        let repeated = ConnectReading::of("zk1:2181/kafka,zk2:2181/kafka");
        assert!(repeated.is_chroot_repeated && repeated.addresses.len() == 2);
        assert!(ConnectReading::of("zk1/kafka,zk2").is_chroot_repeated);
        for (text, is_wrong) in
            [("/kafka/", true), ("/a//b", true), ("/a/../b", true), ("/a b", true), ("/kafka", false)]
        {
            assert_eq!(ConnectReading::of(&format!("zk1{text}")).chroot_fault.is_some(), is_wrong, "{text}");
        }
        let wrong = ConnectReading::of("zk1,,ssl.password=secret,zk2:0");
        assert_eq!((wrong.parts, wrong.wrong_parts.as_slice()), (3, [2, 3].as_slice()));
        assert_eq!(ConnectReading::of("/kafka").addresses.len(), 0);
    }
}
