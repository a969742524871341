//! A real ZooKeeper server behind the proxies: one standalone 3.9.3, fetched by Maven.

use crate::maven::Peer as Jars;
use crate::peers::{self, Started};
use crate::{machine, sessions, wire};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const JARS: Jars = Jars {
    name: "zookeeper-3.9.3",
    coordinates: &[
        "org.apache.zookeeper:zookeeper:3.9.3",
        "io.dropwizard.metrics:metrics-core:4.1.12.1",
        "org.xerial.snappy:snappy-java:1.1.10.5",
        "org.slf4j:slf4j-reload4j:1.7.36",
    ],
};

const PATIENCE: Duration = Duration::from_secs(30);

/// Starts it beside the load generator and fills in the node that is read.
pub(crate) fn start(data_bytes: usize) -> Result<Started> {
    for (program, flag) in [("java", "-version"), ("mvn", "-version")] {
        Command::new(program).arg(flag).output().with_context(|| format!("no {program}"))?;
    }
    let address = machine::free_address()?;
    let folder = Path::new(peers::SCRATCH).join(format!("zookeeper-{}", address.port()));
    fs::create_dir_all(&folder)?;
    let settings = format!(
        "tickTime=2000\nclientPort={}\nclientPortAddress={}\ndataDir={}\nmaxClientCnxns=0\nadmin.enableServer=false\n\
         4lw.commands.whitelist=srvr\n",
        address.port(),
        address.ip(),
        folder.display()
    );
    fs::write(folder.join("zoo.cfg"), settings)?;
    fs::write(folder.join("log4j.properties"), "log4j.rootLogger=OFF\n")?;
    let mut command = Command::new("java");
    command.args(["-Xmx1g", "-XX:+UseSerialGC", "-Dzookeeper.forceSync=no", "-cp", &JARS.class_path()]);
    command.arg(format!("-Dlog4j.configuration=file:{}", folder.join("log4j.properties").display()));
    command.arg("org.apache.zookeeper.server.ZooKeeperServerMain").arg(folder.join("zoo.cfg"));
    let server = peers::start_beside_load(&mut command, "zookeeper", address)?;
    await_sessions(address)?;
    fill(address, data_bytes)?;
    Ok(server)
}

/// A server accepts a moment before it serves.
fn await_sessions(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = sessions::open(address, 1) {
        ensure!(Instant::now() < deadline, "no session within {PATIENCE:?}: {error:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Creates the node that a read of `data_bytes` asks for, and its parents.
fn fill(address: SocketAddr, data_bytes: usize) -> Result<()> {
    let path = wire::path_of_bytes(data_bytes);
    let mut streams = sessions::open(address, 1)?;
    let stream = streams.first_mut().context("no session")?;
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    for (xid, end) in (1..).zip(ends) {
        let reply = sessions::exchange(stream, &wire::create(xid, &path[..end], &vec![b'z'; data_bytes]))?;
        let error = wire::number(&reply, 12);
        ensure!(error == 0, "create of {} failed with code {error}", &path[..end]);
    }
    Ok(())
}
