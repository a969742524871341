//! Asks a running zoogate at its admin address.

use std::borrow::Cow;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::config::{Config, ConfigBuilder};
use ureq::http::StatusCode;
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::{Agent, Body, BodyReader, RequestBuilder, http};

use super::admin_target::AdminTarget;
use super::event_lines::EventLines;
use super::query_options::RunningZoogate;
use super::unix_connector::UnixConnector;
use crate::admin::AdminToken;
use crate::api::ErrorAnswer;
use crate::text::{self, one_line};

/// Longer than any list takes, short enough to notice a zoogate that is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// All that is kept of 100,000 sessions fits; what answers more than this is no zoogate.
const LARGEST_ANSWER: u64 = 1 << 30;

/// A zoogate to ask.
pub(super) struct AdminClient<'a> {
    /// Its address, or its socket.
    address: Cow<'a, str>,
    /// What stands before a path.
    base: String,
    /// Its socket, where it is asked there.
    socket: Option<PathBuf>,
    /// The file with its token, where it is asked with one.
    token_file: Option<PathBuf>,
    /// By what right it is asked.
    authorization: Option<String>,
    agent: Agent,
}

/// What was answered, and by whom to what.
#[derive(Debug)]
pub(super) struct AdminAnswer {
    pub(super) status: StatusCode,
    text: String,
    address: String,
    path: String,
}

impl<'a> AdminClient<'a> {
    /// A zoogate at an address, without a token. Nothing is connected yet.
    pub(super) fn new(address: &'a str) -> Self {
        let base = format!("http://{address}");
        Self {
            address: Cow::Borrowed(address),
            base,
            socket: None,
            token_file: None,
            authorization: None,
            agent: whole_answers().into(),
        }
    }

    /// The zoogate that the options name, with the token that they name. Nothing is connected yet.
    ///
    /// # Errors
    /// The token file is of no use.
    pub(super) fn of(options: &RunningZoogate) -> anyhow::Result<AdminClient<'static>> {
        let address = match AdminTarget::of(options) {
            AdminTarget::Address(address) => address,
            AdminTarget::Socket(path) => {
                let (address, agent) = (Cow::Owned(path.display().to_string()), at_socket(whole_answers(), &path));
                // Not looked up; it goes into the header Host.
                let base = "http://127.0.0.1".to_owned();
                let socket = Some(path);
                return Ok(AdminClient { address, base, socket, token_file: None, authorization: None, agent });
            }
        };
        let token_file = options.token_file.clone().filter(|path| path.as_os_str() != "off");
        let token = token_file.as_deref().map(AdminToken::read).transpose()?;
        let (base, agent) = (format!("http://{address}"), whole_answers().into());
        let authorization = token.as_ref().map(AdminToken::authorization);
        Ok(AdminClient { address: Cow::Owned(address), base, socket: None, token_file, authorization, agent })
    }

    /// Asks in another manner.
    fn agent_of(&self, config: Config) -> Agent {
        match &self.socket {
            Some(path) => at_socket(config, path),
            None => config.into(),
        }
    }

    /// Its address, or its socket.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The options that have another command ask the same zoogate.
    pub(super) fn options(&self) -> Vec<String> {
        let path = |path: &Path| path.display().to_string();
        let mut options = match &self.socket {
            Some(socket) => vec!["--socket".to_owned(), path(socket)],
            None => vec!["--admin".to_owned(), self.address.to_string()],
        };
        options.extend(self.token_file.iter().flat_map(|file| ["--token-file".to_owned(), path(file)]));
        options
    }

    /// Fetches a path of the API.
    pub(super) fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<AdminAnswer> {
        let query = query.iter().map(|(name, value)| (*name, value.as_str()));
        let request = self.authorized(self.agent.get(self.url(path)).query_pairs(query));
        self.read(path, request.call())
    }

    /// Opens a stream of events, which may stay silent and go on for as long as it likes.
    ///
    /// # Errors
    /// Nobody answers, or what zoogate says about the question.
    pub(super) fn stream(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> anyhow::Result<EventLines<BufReader<BodyReader<'static>>>> {
        let config = config().timeout_connect(Some(PATIENCE)).timeout_recv_response(Some(PATIENCE));
        let agent = self.agent_of(config.build());
        let query = query.iter().map(|(name, value)| (*name, value.as_str()));
        let response = self.authorized(agent.get(self.url(path)).query_pairs(query)).call();
        if response.as_ref().is_ok_and(|response| response.status() == StatusCode::OK && is_zoogate(response)) {
            let response = response.map_err(|error| anyhow!(error))?;
            return Ok(EventLines::new(BufReader::new(response.into_body().into_reader()), self.address()));
        }
        Err(anyhow!(self.read(path, response)?.refusal()))
    }

    /// Changes something.
    pub(super) fn put(&self, path: &str, body: &impl Serialize) -> anyhow::Result<AdminAnswer> {
        let request = self.authorized(self.agent.put(self.url(path)).header("content-type", "application/json"));
        self.read(path, request.send(serde_json::to_string(body)?))
    }

    /// Has something done.
    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> anyhow::Result<AdminAnswer> {
        let request = self.authorized(self.agent.post(self.url(path)).header("content-type", "application/json"));
        self.read(path, request.send(serde_json::to_string(body)?))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn read(&self, path: &str, response: Result<http::Response<Body>, ureq::Error>) -> anyhow::Result<AdminAnswer> {
        let address = self.address();
        let mut response = response.map_err(|error| {
            let which = match &self.socket {
                Some(_) => "admin socket (--socket PATH, or ZOOGATE_ADMIN_SOCKET)",
                None => "admin address (--admin ADDR)",
            };
            anyhow!("no zoogate answers at {address} ({error}): is it running, and is this its {which}?")
        })?;
        let status = response.status();
        if status.is_redirection() {
            bail!("what answers at {address} is no zoogate: it redirects {path} ({status})");
        }
        // Port 9180 may belong to some other exporter, whose JSON or HTML would be shown as an empty list.
        if !is_zoogate(&response) {
            bail!("what answers at {address} is no zoogate: {status} without its name for {path}");
        }
        let text = response
            .body_mut()
            .with_config()
            .limit(LARGEST_ANSWER)
            .read_to_string()
            .with_context(|| format!("{address} did not finish its answer to {path}"))?;
        Ok(AdminAnswer { status, text, address: address.to_owned(), path: path.to_owned() })
    }
}

fn is_zoogate(response: &http::Response<Body>) -> bool {
    let server = response.headers().get("server").and_then(|server| server.to_str().ok());
    server.is_some_and(|server| server.starts_with(concat!(env!("CARGO_PKG_NAME"), "/")))
}

impl AdminAnswer {
    /// The body, whatever the status.
    ///
    /// # Errors
    /// It is no JSON, or not the JSON that was asked for.
    pub(super) fn body<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        serde_json::from_str(&self.text).map_err(|error| {
            let Self { status, address, path, .. } = self;
            let what = if error.is_data() { one_line(&error.to_string()).into_owned() } else { "no JSON".to_owned() };
            anyhow!("what answers at {address} is no zoogate: {status} and {what} for {path}")
        })
    }

    /// The body of an answer that is what was asked for.
    ///
    /// # Errors
    /// What zoogate says about the question, or what is wrong with the answer.
    pub(super) fn good<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        if self.status == StatusCode::OK { self.body() } else { Err(anyhow!(self.refusal())) }
    }

    /// The answer as it came, as JSON over several lines.
    ///
    /// # Errors
    /// As [`AdminAnswer::good`].
    pub(super) fn json(&self) -> anyhow::Result<String> {
        let whole: Value = self.good()?;
        Ok(text::json(&format!("{whole:#}")).into_owned())
    }

    /// Why there is no other answer, in one line.
    pub(super) fn refusal(&self) -> String {
        let said = match self.body::<ErrorAnswer>() {
            Ok(ErrorAnswer { error, reason: Some(reason) }) => format!("{error}: {reason}"),
            Ok(ErrorAnswer { error, reason: None }) => error.into_owned(),
            Err(_) => format!("answered {}", self.status),
        };
        let said = one_line(&said).into_owned();
        if self.status == StatusCode::UNAUTHORIZED {
            return format!("{said} (--token-file PATH, or ZOOGATE_ADMIN_TOKEN_FILE)");
        }
        said
    }
}

/// What asks at a socket.
fn at_socket(config: Config, path: &Path) -> Agent {
    Agent::with_parts(config, UnixConnector { path: path.to_owned() }, DefaultResolver::default())
}

/// How every zoogate is asked. A redirect is not followed: what is said elsewhere is not said by whom it was asked of.
fn config() -> ConfigBuilder<AgentScope> {
    Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0)
}

/// The same, for what is answered as a whole.
fn whole_answers() -> Config {
    config().timeout_global(Some(PATIENCE)).build()
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn its_options_ask_the_same_zoogate() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "read-read-read-read\n").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let options = |admin: Option<&str>, socket: Option<&str>, token_file: Option<&Path>| {
            let asked = RunningZoogate {
                admin: admin.map(str::to_owned),
                socket: socket.map(PathBuf::from),
                token_file: token_file.map(Path::to_owned),
            };
            AdminClient::of(&asked).unwrap().options()
        };
        assert_eq!(options(Some("10.0.0.1:1"), None, None), ["--admin", "10.0.0.1:1"]);
        let with_token = ["--admin", "10.0.0.1:1", "--token-file", &file.display().to_string()];
        assert_eq!(options(Some("10.0.0.1:1"), None, Some(&file)), with_token);
        assert_eq!(options(Some("10.0.0.1:1"), None, Some(Path::new("off"))), ["--admin", "10.0.0.1:1"]);
        assert_eq!(
            options(Some("10.0.0.1:1"), Some("/s"), Some(&file)),
            ["--socket", "/s"],
            "no token is asked for there"
        );
    }
}
