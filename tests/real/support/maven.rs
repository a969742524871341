//! Brings the Java peers of a test by their Maven coordinates.
//!
//! Jars land in `target/peers/<name>/jars`, which survives between runs: once a folder is whole, neither Maven nor a
//! network is asked again. This is not a dependency resolver: Maven does the work, here it is only called, once at a
//! time (a file lock holds off other test processes too), and its failure is told in one line.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use std::{io, thread};

/// A set of jars under one name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// Folder below `target/peers`.
    pub(crate) name: &'static str,
    /// `group:artifact:version` of what is wanted; dependencies come along.
    pub(crate) coordinates: &'static [&'static str],
}

impl Peer {
    /// The class path that holds every jar, fetching them first where that has not been done.
    pub(crate) fn class_path(&self) -> String {
        format!("{}/*", self.jars().display())
    }

    fn jars(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers").join(self.name);
        fs::create_dir_all(&folder).expect("create the folder of the jars");
        let lock = File::create(folder.join("lock")).expect("create the lock file of the jars");
        lock.lock().expect("lock the folder of the jars");
        let jars = folder.join("jars");
        let project = self.project();
        let known = fs::read_to_string(folder.join("pom.xml")).is_ok_and(|text| text == project);
        if !(known && jars.is_dir()) {
            self.fetch(&folder, &project, &jars);
        }
        jars
    }

    /// Fetches into a folder beside the final one, so that an interrupted run never looks whole.
    fn fetch(&self, folder: &Path, project: &str, jars: &Path) {
        let partial = folder.join("partial");
        for stale in [&partial, &jars.to_path_buf()] {
            if stale.exists() {
                fs::remove_dir_all(stale).expect("remove stale jars");
            }
        }
        fs::write(folder.join("pom.xml"), project).expect("write the Maven project");
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=partial"]);
        let ended = fetch(maven.current_dir(folder).stdin(Stdio::null()))
            .unwrap_or_else(|error| panic!("cannot run mvn (Debian package maven) to fetch {}: {error}", self.name));
        let said = String::from_utf8_lossy(&ended.stdout);
        let fault = said.lines().find(|line| line.contains("ERROR")).unwrap_or("no error line");
        assert!(ended.status.success(), "mvn could not fetch {}: {fault}", self.name);
        fs::rename(&partial, jars).expect("put the fetched jars in place");
    }

    fn project(&self) -> String {
        let mut dependencies = String::new();
        for coordinate in self.coordinates {
            let mut parts = coordinate.split(':');
            let (group, artifact, version) = (parts.next(), parts.next(), parts.next());
            let (Some(group), Some(artifact), Some(version)) = (group, artifact, version) else {
                panic!("{coordinate} is not group:artifact:version");
            };
            let _ = writeln!(
                dependencies,
                "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
                 <version>{version}</version></dependency>"
            );
        }
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n  <modelVersion>4.0.0</modelVersion>\n  \
             <groupId>zoogate.peers</groupId>\n  <artifactId>{}</artifactId>\n  <version>1</version>\n  \
             <packaging>pom</packaging>\n  <dependencies>\n{dependencies}  </dependencies>\n</project>\n",
            self.name
        )
    }
}

/// Runs a command that fetches something to its end, and twice more while it fails: networks have bad moments.
pub(crate) fn fetch(command: &mut Command) -> io::Result<Output> {
    for pause in [2, 10] {
        let ended = command.output()?;
        if ended.status.success() {
            return Ok(ended);
        }
        thread::sleep(Duration::from_secs(pause));
    }
    command.output()
}
