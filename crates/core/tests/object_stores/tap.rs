//! A proxy before a server: it notes each request, and does to one of them what networks and services do.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::mini_http::{Relayed, Request, Server, answer, relay};

/// What is done to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is carried out; the connection is lost before the answer.
    AppliedAndDropped,
    /// It is carried out; the answer is an error of the service.
    AppliedAnd500,
    /// It is carried out; the answer comes once the caller has given up.
    AppliedAndLate,
    /// It is lost.
    Dropped,
    /// It is carried out twice; the second answer is given.
    SentTwice,
    /// It is not carried out: the service wants to be asked later.
    Throttled,
    /// It is carried out; the connection is lost in the middle of the answer.
    HalfAnAnswer,
}

pub const FAULTS: [Fault; 7] = [
    Fault::AppliedAndDropped,
    Fault::AppliedAnd500,
    Fault::AppliedAndLate,
    Fault::Dropped,
    Fault::SentTwice,
    Fault::Throttled,
    Fault::HalfAnAnswer,
];

/// What is to happen before a request is passed on.
type Before = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    /// Every request, by what it does.
    log: Vec<String>,
    /// Which request, counted from 0 in the log, has which fault.
    armed: Option<(usize, Fault)>,
    is_held: bool,
    /// What happens before which request, counted from 0 in the log.
    before: Option<(usize, Before)>,
    /// Listings show what has one of these in its name as years old.
    old: Vec<String>,
}

/// A proxy.
pub struct Tap {
    server: Server,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// What a request does, such as `PUT snapshots/ID/data/data`, without the parts of the key that differ.
fn named(request: &Request) -> String {
    let path = crate::mini_http::unescaped(request.path());
    let key: Vec<&str> = path.split('/').collect();
    let query = |name: &str| request.target.contains(&format!("{name}="));
    let what = match () {
        () if request.target.contains("list-type") => "LIST",
        () if request.target.contains("?uploads") && request.method == "GET" => "UPLOADS",
        () if request.target.contains("?uploads") => "BEGIN",
        () if query("partNumber") => "PART",
        () if query("uploadId") && request.method == "POST" => "COMPLETE",
        () if query("uploadId") => "ABORT",
        () => request.method.as_str(),
    };
    let short = |segment: &str| match segment {
        segment if segment.starts_with(".probe-") => "PROBE".to_owned(),
        segment if segment.len() == 36 && segment.as_bytes()[19] == b'-' => "ID".to_owned(),
        segment => segment.to_owned(),
    };
    let last = key.iter().skip(2).map(|segment| short(segment)).collect::<Vec<_>>().join("/");
    format!("{what} {last}")
}

impl Tap {
    /// A proxy before the server at this address.
    pub fn before(upstream: String) -> Tap {
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let shared = Arc::clone(&state);
        let server = Server::start(move |request, stream| serve(&shared, &upstream, request, stream));
        Tap { server, state }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let result = work(&mut self.state.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.state.1.notify_all();
        result
    }

    /// The requests since the last time this was asked.
    pub fn log(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.log))
    }

    /// The request of this number from now on has this fault.
    pub fn arm(&self, number: usize, fault: Fault) {
        self.with(|state| {
            state.log.clear();
            state.armed = Some((number, fault));
            state.is_held = fault == Fault::AppliedAndLate;
        });
    }

    /// Before the request of this number from now on is passed on, this happens.
    pub fn before_request(&self, number: usize, what: impl FnOnce() + Send + 'static) {
        self.with(|state| {
            state.log.clear();
            state.before = Some((number, Box::new(what)));
        });
    }

    /// Whether what was to happen has happened; it will not any more.
    pub fn has_happened(&self) -> bool {
        self.with(|state| state.before.take().is_none())
    }

    /// Listings show what has one of these in its name as years old.
    pub fn show_as_old(&self, names: &[&str]) {
        self.with(|state| state.old = names.iter().map(|name| (*name).to_owned()).collect());
    }

    /// Lets a late answer go; whether the fault has happened.
    pub fn release(&self) -> bool {
        self.with(|state| {
            state.is_held = false;
            state.armed.take().is_none()
        })
    }
}

/// A listing in which some of what is listed is old.
fn aged(relayed: Relayed, old: &[String]) -> Relayed {
    let text = String::from_utf8(relayed.plain_body()).unwrap();
    let starts = ["<Contents>", "<Blob>", "<Upload>"];
    let mut at: Vec<usize> =
        starts.iter().flat_map(|start| text.match_indices(start)).map(|(at, _)| at).collect();
    at.sort_unstable();
    at.push(text.len());
    let mut body = text[..at[0]].to_owned();
    for range in at.windows(2) {
        let mut listed = text[range[0]..range[1]].to_owned();
        if old.iter().any(|name| listed.contains(name.as_str())) {
            for (element, time) in [
                ("LastModified", "2020-01-01T00:00:00Z"),
                ("Initiated", "2020-01-01T00:00:00Z"),
                ("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT"),
            ] {
                if let Some((before, rest)) = listed.split_once(&format!("<{element}>")) {
                    let after = &rest[rest.find('<').unwrap()..];
                    listed = format!("{before}<{element}>{time}{after}");
                }
            }
        }
        body.push_str(&listed);
    }
    relayed.with_body(body.into_bytes())
}

fn write(stream: &mut TcpStream, relayed: &Relayed, body: usize) -> bool {
    stream.write_all(&relayed.head).and_then(|()| stream.write_all(&relayed.body[..body])).is_ok()
}

fn serve(
    shared: &(Mutex<State>, Condvar),
    upstream: &str,
    request: &Request,
    stream: &mut TcpStream,
) -> bool {
    let (fault, before) = {
        let mut state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.log.len();
        state.log.push(named(request));
        let before = match state.before.take() {
            Some((due, what)) if due == number => Some(what),
            other => {
                state.before = other;
                None
            }
        };
        let fault = match state.armed {
            Some((armed, fault)) if armed == number => {
                state.armed = None;
                Some(fault)
            }
            _ => None,
        };
        (fault, before)
    };
    if let Some(before) = before {
        before();
    }
    let drop = |stream: &mut TcpStream| {
        let _ = stream.shutdown(Shutdown::Both);
        false
    };
    match fault {
        Some(Fault::Dropped) => return drop(stream),
        Some(Fault::Throttled) => {
            let body = b"<Error><Code>SlowDown</Code><Message>ask later</Message></Error>";
            return answer(stream, 503, &[("retry-after", "0".to_owned())], body);
        }
        _ => {}
    }
    let mut relayed = relay(request, upstream);
    let old = shared.0.lock().unwrap_or_else(PoisonError::into_inner).old.clone();
    if !old.is_empty() && request.method == "GET" && relayed.is_listing() {
        relayed = aged(relayed, &old);
    }
    let whole = relayed.body.len();
    match fault {
        Some(Fault::AppliedAndDropped) => drop(stream),
        Some(Fault::AppliedAnd500) => {
            answer(stream, 500, &[], b"<Error><Code>InternalError</Code><Message>sorry</Message></Error>")
        }
        Some(Fault::AppliedAndLate) => {
            let state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::drop(shared.1.wait_while(state, |state| state.is_held));
            write(stream, &relayed, whole)
        }
        Some(Fault::SentTwice) => {
            let again = relay(request, upstream);
            let whole = again.body.len();
            write(stream, &again, whole)
        }
        Some(Fault::HalfAnAnswer) if whole > 0 => {
            write(stream, &relayed, whole / 2);
            drop(stream)
        }
        Some(Fault::HalfAnAnswer) => {
            let _ = stream.write_all(&relayed.head[..relayed.head.len() / 2]);
            drop(stream)
        }
        _ => write(stream, &relayed, whole),
    }
}
