//! Measures servers for the doctor: looks their names up, connects, asks four-letter words.
//!
//! All servers and addresses at once, each for a given time. Every step has a bound in time and every answer one in bytes:
//! what answers may be anything.

mod address_visit;
mod word_exchange;

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, timeout};

use crate::config::ServerAddress;
use crate::doctor::{NameLookup, ServerMeasurement};
use crate::text::{beginning, one_line};
use address_visit::AddressVisit;

/// Servers that are measured at most.
pub const MOST_SERVERS: usize = 64;
/// Addresses of one name that are measured at most.
pub const MOST_ADDRESSES: usize = 16;
/// How long a look-up may take.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes that are kept of what a resolver says.
const ERROR_BYTES: usize = 200;

/// Measures servers for this time and a little more; the results are in the order given.
///
/// # Errors
/// The runtime cannot be made: no descriptors, or no threads.
pub fn measure(servers: &[ServerAddress], time: Duration) -> std::io::Result<Vec<ServerMeasurement>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(measure_all(servers, time));
    // A resolver knows no deadline: its thread ends with the process.
    runtime.shutdown_background();
    Ok(measured)
}

/// The addresses that these names have now, in the order given; none for a name that has none.
///
/// # Errors
/// The runtime cannot be made: no descriptors, or no threads.
pub fn look_up_all(names: &[ServerAddress]) -> std::io::Result<Vec<Vec<SocketAddr>>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let mut visits = JoinSet::new();
        for (place, name) in names.iter().take(MOST_SERVERS).cloned().enumerate() {
            visits.spawn(async move { (place, look_up(&name).await.unwrap_or_default()) });
        }
        let mut found = visits.join_all().await;
        found.sort_by_key(|(place, _)| *place);
        found.into_iter().map(|(_, addresses)| addresses).collect()
    });
    // As above.
    runtime.shutdown_background();
    Ok(found)
}

async fn measure_all(servers: &[ServerAddress], time: Duration) -> Vec<ServerMeasurement> {
    let begin = Instant::now();
    // All at once: one that hangs must not cost the others their time.
    let mut visits = JoinSet::new();
    for (place, server) in servers.iter().take(MOST_SERVERS).cloned().enumerate() {
        visits.spawn(async move { (place, measure_server(server, begin, time).await) });
    }
    let mut measured = visits.join_all().await;
    measured.sort_by_key(|(place, _)| *place);
    measured.into_iter().map(|(_, server)| server).collect()
}

async fn measure_server(server: ServerAddress, begin: Instant, time: Duration) -> ServerMeasurement {
    let asked = Instant::now();
    let found = look_up(&server).await;
    let mut lookup = NameLookup { took: asked.elapsed(), failure: None };
    let addresses = match found {
        Ok(addresses) => addresses,
        Err(failure) => {
            lookup.failure = Some(beginning(&one_line(&failure), ERROR_BYTES).to_owned());
            Vec::new()
        }
    };
    let mut visits = JoinSet::new();
    for (place, address) in addresses.into_iter().enumerate() {
        visits.spawn(async move { (place, AddressVisit::new(address, begin).run(time).await) });
    }
    let mut measured = visits.join_all().await;
    measured.sort_by_key(|(place, _)| *place);
    ServerMeasurement { server, lookup, addresses: measured.into_iter().map(|(_, address)| address).collect() }
}

/// The addresses of a name, each once, or why there are none.
async fn look_up(server: &ServerAddress) -> Result<Vec<SocketAddr>, String> {
    let (host, port) = (server.host.clone(), server.port);
    let resolve = spawn_blocking(move || (host.as_str(), port).to_socket_addrs().map(Vec::from_iter));
    let mut addresses = match timeout(LOOKUP_PATIENCE, resolve).await {
        Err(_) => return Err(format!("no answer in {} s", LOOKUP_PATIENCE.as_secs())),
        Ok(Err(_)) => return Err("the look-up did not run".to_owned()),
        Ok(Ok(Err(error))) => return Err(error.to_string()),
        Ok(Ok(Ok(addresses))) => addresses,
    };
    let mut known = Vec::new();
    addresses.retain(|address| {
        !known.contains(address) && known.len() < MOST_ADDRESSES && {
            known.push(*address);
            true
        }
    });
    if addresses.is_empty() { Err("the name has no address".to_owned()) } else { Ok(addresses) }
}
