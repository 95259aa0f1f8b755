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

#[derive(Default)]
struct State {
    /// Every request, by what it does.
    log: Vec<String>,
    /// Which request, counted from 0 in the log, has which fault.
    armed: Option<(usize, Fault)>,
    is_held: bool,
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

    /// Lets a late answer go; whether the fault has happened.
    pub fn release(&self) -> bool {
        self.with(|state| {
            state.is_held = false;
            state.armed.take().is_none()
        })
    }
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
    let fault = {
        let mut state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = state.log.len();
        state.log.push(named(request));
        match state.armed {
            Some((armed, fault)) if armed == number => {
                state.armed = None;
                Some(fault)
            }
            _ => None,
        }
    };
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
    let relayed = relay(request, upstream);
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
