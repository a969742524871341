//! The files of the page.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;

/// A file of the page.
#[derive(Debug)]
pub(super) struct PageFile {
    pub(super) name: &'static str,
    pub(super) bytes: &'static [u8],
}

macro_rules! files {
    ($($name:literal)*) => {
        [$(PageFile { name: $name, bytes: include_bytes!(concat!("files/", $name)) },)*]
    };
}

/// The page itself.
pub(super) static INDEX: PageFile = PageFile { name: "index.html", bytes: include_bytes!("files/index.html") };

/// What it loads. Modules stand behind those that they import.
pub(super) static FILES: [PageFile; 23] = files! {
    "uplot.js" "uplot.css" "uplot.LICENSE.txt" "style.css"
    "dom.js" "words.js" "grid.js" "source.js" "store.js" "lanes.js" "canvas.js" "timeline.js"
    "overview.js" "landing.js" "latency.js" "risks.js" "incidents.js" "sessions.js" "session.js" "slow.js" "tap.js"
    "unseen.js" "main.js"
};

impl PageFile {
    /// The file with this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// Its media type.
    pub(super) fn kind(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "html")) => "text/html; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// What its content is known by, as `ETag`.
    pub(super) fn tag(&self) -> String {
        format!("\"{:016x}\"", FixedState::default().hash_one(self.bytes))
    }

    /// Its content. The files are text: the tests read each.
    pub(super) fn text(&self) -> &'static str {
        str::from_utf8(self.bytes).unwrap_or_default()
    }
}
