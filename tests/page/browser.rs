//! The browser, driven by a program of ours.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What drives the browser, what checks accessibility.
const PACKAGES: [&str; 2] = ["playwright-core@1.65.1", "axe-core@4.14.1"];

/// A folder of the project.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Gets the packages, once.
fn packages() -> PathBuf {
    let place = folder("target/peers/page");
    fs::create_dir_all(&place).expect("create a folder for packages");
    let lock = File::create(place.join("lock")).expect("create a lock file");
    lock.lock().expect("lock the folder");
    let (stamp, recipe) = (place.join("recipe"), PACKAGES.join(" "));
    if !fs::read_to_string(&stamp).is_ok_and(|known| known == recipe) {
        let said = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", "."])
            .args(PACKAGES)
            .current_dir(&place)
            .output()
            .expect("npm (Debian package npm) is needed");
        assert!(said.status.success(), "npm: {}", String::from_utf8_lossy(&said.stderr));
        fs::write(stamp, recipe).expect("write down what was installed");
    }
    place.join("node_modules")
}

/// The program that drives the browser.
pub(crate) struct Driver {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts one of the programs beside this file; it is given the page's address and where pictures go.
    pub(crate) fn start(program: &str, page: SocketAddr, further: &[&str]) -> Self {
        let pictures = folder("target/page");
        fs::create_dir_all(&pictures).expect("create a folder for pictures");
        let mut child = Command::new("node")
            .arg(folder("tests/page").join(program))
            .arg(format!("http://{page}"))
            .args(further)
            .env("PACKAGES", packages())
            .env("PICTURES", pictures)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node (Debian package nodejs) is needed");
        let input = child.stdin.take().expect("its input");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Self { child, input, output }
    }

    /// Waits until it says this; what it says before is shown.
    pub(crate) fn hear(&mut self, word: &str) {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.output.read_line(&mut line).expect("a line");
            assert!(length > 0, "the browser's program ended before it said {word:?}");
            if line.trim() == word {
                return;
            }
            println!("{}", line.trim_end());
        }
    }

    /// Tells it something.
    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.input, "{word}").expect("the browser's program listens");
    }

    /// Waits for its end, which is to be a good one.
    pub(crate) fn finish(mut self) {
        self.hear("done");
        let status = self.child.wait().expect("its end");
        assert!(status.success(), "the browser's program ended with {status}");
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
