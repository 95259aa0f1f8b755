//! What an answer proves, and what is told of it.

use std::time::Duration;

use http::StatusCode;

use super::connector::{Answer, Loss, REQUEST_IDS};
use crate::error::{Action, Error, Status};
use crate::store::location::Service;

/// The longest pause that a service may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is known about a request that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It was not sent, and may be tried again.
    NotSent,
    /// A condition of it did not hold.
    Precondition,
    /// The object is absent.
    Absent,
    /// The object ends before the range begins.
    Range,
    /// It was refused, and will be again. Nothing was changed.
    Refused,
    /// It may have been carried out, or could be another time.
    Unclear,
    /// There was no answer within the time for one.
    TimedOut,
    /// It succeeded, but the answer is none.
    Malformed,
    /// The call was over before it was sent.
    Ended,
    /// The call was over while it was in flight.
    Cut,
}

/// A request that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    pub kind: Kind,
    pub error: Error,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
    /// The answer's HTTP status and headers, if there was one.
    pub answer: Box<Answer>,
}

impl Failure {
    pub fn new(kind: Kind, error: Error) -> Self {
        Failure { kind, error, retry_after: None, answer: Box::default() }
    }

    /// Whether another try may succeed.
    pub fn is_passing(&self) -> bool {
        matches!(self.kind, Kind::NotSent | Kind::Unclear | Kind::TimedOut)
    }

    /// Whether nothing was changed, for certain.
    pub fn is_certain(&self) -> bool {
        matches!(self.kind, Kind::NotSent | Kind::Refused | Kind::Ended)
    }
}

/// The text between two tags of an XML document, wherever it stands.
fn element<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let start = body.find(&format!("<{name}>"))? + name.len() + 2;
    let length = body[start..].find("</")?;
    Some(&body[start..start + length])
}

/// A text from a service, made fit for a message.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

/// The service's name for what is wrong.
pub(super) fn code(answer: &Answer) -> Option<String> {
    for header in ["x-ms-error-code", "x-minio-error-code", "x-amz-error-code"] {
        if let Some(code) = answer.header(header) {
            return Some(shown(code));
        }
    }
    let body = String::from_utf8_lossy(&answer.body);
    element(&body, "Code").filter(|code| !code.is_empty()).map(shown)
}

/// What the status and the code of an answer that is no success prove.
fn verdict(service: Service, status: StatusCode, code: Option<&str>) -> Kind {
    match (status.as_u16(), code) {
        (412 | 304, _) => Kind::Precondition,
        (409, Some("BlobAlreadyExists")) if service == Service::Azure => Kind::Precondition,
        (404, Some("NoSuchKey" | "BlobNotFound")) => Kind::Absent,
        (416, _) => Kind::Range,
        (400, Some("RequestTimeout")) => Kind::Unclear,
        (408 | 409 | 425 | 429, _) => Kind::Unclear,
        (501 | 505 | 507, _) => Kind::Refused,
        (500..=599, _) => Kind::Unclear,
        _ => Kind::Refused,
    }
}

fn status_of(kind: Kind, status: StatusCode, code: Option<&str>) -> (Status, Action) {
    let is_expired = matches!(code, Some("ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId"));
    match status.as_u16() {
        401 | 403 => (Status::AccessDenied, Action::GiveUp),
        400 if is_expired => (Status::AccessDenied, Action::GiveUp),
        507 => (Status::NoSpace, Action::Retry),
        501 => (Status::Unsupported, Action::GiveUp),
        _ if kind == Kind::Refused => (Status::Io, Action::GiveUp),
        _ => (Status::Io, Action::Retry),
    }
}

/// The failure that an answer is; `what` is the operation with the object's name.
pub(super) fn failure(service: Service, what: &str, answer: Answer, said: Option<&str>) -> Failure {
    let plain = |kind, status, why: String| {
        let error = Error::new(status, format_args!("cannot {what}: {why}"));
        Failure { kind, error, retry_after: None, answer: Box::new(answer.clone()) }
    };
    match (&answer.loss, answer.status) {
        (Some(Loss::NotSent { why, is_final }), _) => {
            let kind = if *is_final { Kind::Refused } else { Kind::NotSent };
            let mut failure = plain(kind, Status::Io, why.clone());
            if *is_final {
                failure.error = failure.error.with_action(Action::GiveUp);
            }
            failure
        }
        (Some(Loss::TooLong(most)), _) => {
            let why = format!("the answer is longer than the {most} bytes that it can have");
            plain(Kind::Malformed, Status::Io, why)
        }
        (Some(Loss::Lost(why)), _) => {
            plain(Kind::Unclear, Status::Io, format!("the connection was lost: {why}"))
        }
        (None, Some(status)) if status.is_success() => {
            let why = said.unwrap_or("the answer is not one of such a service");
            plain(Kind::Malformed, Status::Io, format!("HTTP {}, but {why}", status.as_u16()))
        }
        (None, Some(status)) => refusal(service, what, answer.clone(), status),
        (None, None) => {
            let why = match &answer.credentials {
                Some(answered) => format!("no credentials: {answered}"),
                None => format!("the request cannot be made: {}", said.unwrap_or("no reason is known")),
            };
            plain(Kind::NotSent, Status::Io, why)
        }
    }
}

fn refusal(service: Service, what: &str, answer: Answer, status: StatusCode) -> Failure {
    let code = code(&answer);
    let kind = verdict(service, status, code.as_deref());
    let mut why = format!("HTTP {}", status.as_u16());
    if let Some(code) = &code {
        why.push(' ');
        why.push_str(code);
    }
    let body = String::from_utf8_lossy(&answer.body);
    if let Some(message) = element(&body, "Message").filter(|message| !message.is_empty()) {
        why.push_str(": ");
        why.push_str(&shown(message));
    }
    if status.is_redirection() {
        why.push_str(
            ": it points elsewhere, and redirections are not followed: are endpoint and region right?",
        );
    } else if status == StatusCode::NOT_FOUND && code.is_none() {
        why.push_str(": it does not say that the object is absent: are bucket and endpoint right?");
    }
    if let Some(id) = REQUEST_IDS.iter().find_map(|name| answer.header(name.as_str())) {
        why.push_str(&format!(" (request id {})", shown(id)));
    }
    let (status, action) = status_of(kind, status, code.as_deref());
    let seconds = answer.header("retry-after").and_then(|text| text.trim().parse().ok());
    let retry_after = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
    let error = Error::new(status, format_args!("cannot {what}: {why}")).with_action(action);
    Failure { kind, error, retry_after, answer: Box::new(answer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: Service, status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status: Some(status), body: body.to_owned().into(), ..Answer::default() };
        failure(service, "read s3://b/k", answer, None)
    }

    #[test]
    fn each_answer_proves_what_it_proves_and_no_more() {
        let coded = |code: &str| format!("<Error><Code>{code}</Code><Message>why</Message></Error>");
        for (service, status, code, kind, named, action) in [
            (Service::S3, 412, "PreconditionFailed", Kind::Precondition, Status::Io, Action::Retry),
            (Service::Azure, 409, "BlobAlreadyExists", Kind::Precondition, Status::Io, Action::Retry),
            (Service::S3, 409, "BlobAlreadyExists", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 409, "ConditionalRequestConflict", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 404, "NoSuchKey", Kind::Absent, Status::Io, Action::Retry),
            (Service::S3, 404, "NoSuchBucket", Kind::Refused, Status::Io, Action::GiveUp),
            (Service::Azure, 404, "ContainerNotFound", Kind::Refused, Status::Io, Action::GiveUp),
            (Service::S3, 404, "", Kind::Refused, Status::Io, Action::GiveUp),
            (Service::S3, 403, "AccessDenied", Kind::Refused, Status::AccessDenied, Action::GiveUp),
            (Service::S3, 401, "", Kind::Refused, Status::AccessDenied, Action::GiveUp),
            (Service::S3, 400, "ExpiredToken", Kind::Refused, Status::AccessDenied, Action::GiveUp),
            (Service::S3, 400, "InvalidArgument", Kind::Refused, Status::Io, Action::GiveUp),
            (Service::S3, 400, "RequestTimeout", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 408, "", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 429, "SlowDown", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 500, "InternalError", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 501, "NotImplemented", Kind::Refused, Status::Unsupported, Action::GiveUp),
            (Service::S3, 503, "SlowDown", Kind::Unclear, Status::Io, Action::Retry),
            (Service::S3, 507, "XMinioStorageFull", Kind::Refused, Status::NoSpace, Action::Retry),
            (Service::S3, 307, "TemporaryRedirect", Kind::Refused, Status::Io, Action::GiveUp),
        ] {
            let failure = of(service, status, &coded(code));
            assert_eq!(failure.kind, kind, "{status} {code}");
            assert_eq!((failure.error.status(), failure.error.action()), (named, action), "{status} {code}");
            assert!(failure.error.message().contains(&format!("HTTP {status}")), "{}", failure.error);
            assert!(failure.error.message().contains(code), "{}", failure.error);
        }
    }

    #[test]
    fn a_pause_that_the_service_asks_for_is_kept_but_not_without_end() {
        for (asked, kept) in [("2", 2), ("86400", 10)] {
            let mut answer = Answer { status: Some(StatusCode::SERVICE_UNAVAILABLE), ..Answer::default() };
            answer.headers.insert("retry-after", asked.parse().unwrap());
            let failure = failure(Service::S3, "read x", answer, None);
            assert_eq!(failure.retry_after, Some(Duration::from_secs(kept)));
        }
    }

    #[test]
    fn an_error_page_of_another_kind_is_told_without_its_text() {
        let failure = of(Service::S3, 502, "<html>\u{7}<b>Bad Gateway</b></html>");
        assert_eq!(failure.error.message(), "cannot read s3://b/k: HTTP 502");
    }
}
