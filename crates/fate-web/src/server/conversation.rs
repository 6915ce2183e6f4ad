//! What is said on one connection, from the first byte on: which protocol it is, hyper's part in it, and the rests between.

use super::answering::Guarded;
use super::error::{Kind, ServerError};
use super::host::{Host, Service};
use super::line::{Line, Phase, Verdict};
use super::stream::Wire;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// How every connection of HTTP/2 begins (RFC 9113, 3.4), as far as it is looked at.
const PREFACE: &[u8] = b"PRI ";

const TOO_LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What comes after hyper's part.
enum Next {
    Rest,
    Over,
}

/// Speaks with whoever is on the line, until one of the two has had enough.
pub(super) async fn converse<S: Service>(
    host: &Rc<Host<S>>,
    line: &Rc<Line>,
    is_http2: bool,
) -> Result<(), ServerError> {
    if is_http2 {
        return Box::pin(http2(host, line)).await;
    }
    while let Some(beginning) = beginning(line).await? {
        if beginning == PREFACE {
            return Box::pin(http2(host, line)).await;
        }
        if let Next::Over = Box::pin(http1(host, line)).await? {
            break;
        }
    }
    Ok(())
}

/// The first bytes of a request; nothing if none is to come.
async fn beginning(line: &Rc<Line>) -> Result<Option<bytes::Bytes>, ServerError> {
    poll_fn(|context| {
        match line.attend(context) {
            Some(Verdict::SlowHeader) if line.phase() == Phase::Head => return too_late(line, context).map(Err),
            Some(Verdict::Close) if line.phase() != Phase::Head => return Poll::Ready(Ok(None)),
            _ if line.is_draining() && line.phase() != Phase::Head => return Poll::Ready(Ok(None)),
            _ => {}
        }
        match line.poll_beginning(context) {
            Poll::Pending => Poll::Pending,
            // That nothing came is how connections end.
            Poll::Ready(Ok(bytes)) => Poll::Ready(Ok((!bytes.is_empty()).then_some(bytes))),
            Poll::Ready(Err(_)) if line.is_at_rest() => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(ServerError::new(Kind::Disconnected, line, error))),
        }
    })
    .await
}

/// Says so, if there is room to.
fn too_late(line: &Line, context: &mut Context<'_>) -> Poll<ServerError> {
    let _ = line.stream.poll_write(context, TOO_LATE);
    Poll::Ready(ServerError::bare(Kind::SlowHeader, line))
}

/// Nothing more is said, because of this.
fn over<T>(kind: Kind, line: &Line) -> Poll<Result<T, ServerError>> {
    Poll::Ready(Err(ServerError::bare(kind, line)))
}

/// What there is to say of the end that hyper has come to: nothing, if the other side went away while nothing was going on.
fn ended(line: &Line, result: hyper::Result<()>) -> Result<(), ServerError> {
    match result.map_err(|error| ServerError::of_hyper(line, error)) {
        Err(error) if error.is_disconnected() && line.is_at_rest() => Ok(()),
        result => result,
    }
}

async fn http1<S: Service>(host: &Rc<Host<S>>, line: &Rc<Line>) -> Result<Next, ServerError> {
    let connection = host.http1.serve_connection(Wire::of(line), Guarded::new(host, line));
    let mut connection = Some(connection.with_upgrades());
    let mut is_last = false;
    poll_fn(move |context| {
        match (line.attend(context), line.phase()) {
            (Some(Verdict::Rest), _) if line.may_rest() => {
                let parts = connection.take().and_then(|connection| connection.into_parts());
                line.rest(&parts.map(|parts| parts.read_buf).unwrap_or_default());
                return Poll::Ready(Ok(Next::Rest));
            }
            (Some(Verdict::Close), Phase::Fresh | Phase::Idle | Phase::Drowsy | Phase::Resting) => {
                return Poll::Ready(Ok(Next::Over));
            }
            (Some(Verdict::SlowHeader), Phase::Head) => return too_late(line, context).map(Err),
            (Some(Verdict::SlowReader), _) => return over(Kind::SlowReader, line),
            _ => {}
        }
        let Some(connection) = &mut connection else { return Poll::Ready(Ok(Next::Over)) };
        let mut result = Pin::new(&mut *connection).poll(context);
        if result.is_pending() && line.is_draining() && !is_last {
            is_last = true;
            Pin::new(&mut *connection).graceful_shutdown();
            result = Pin::new(connection).poll(context);
        }
        result.map(|result| ended(line, result).map(|()| Next::Over))
    })
    .await
}

async fn http2<S: Service>(host: &Rc<Host<S>>, line: &Rc<Line>) -> Result<(), ServerError> {
    line.share();
    let mut connection = host.http2(line).serve_connection(Wire::of(line), Guarded::new(host, line));
    let mut is_last = false;
    poll_fn(move |context| {
        let mut is_enough = line.is_draining();
        match (line.attend(context), line.phase()) {
            (verdict, Phase::Fresh) if is_enough || verdict == Some(Verdict::Close) => return Poll::Ready(Ok(())),
            (Some(Verdict::Close), Phase::Idle) if is_last => return Poll::Ready(Ok(())),
            (Some(Verdict::Close), Phase::Idle) => is_enough = true,
            (Some(Verdict::SlowHeader), _) if line.is_heading() => return over(Kind::SlowHeader, line),
            (Some(Verdict::SlowReader), _) => return over(Kind::SlowReader, line),
            (Some(Verdict::Lingering), _) => return over(Kind::Lingering, line),
            (Some(Verdict::Restless), _) => return over(Kind::Restless, line),
            _ => {}
        }
        if is_enough && !is_last {
            is_last = true;
            line.take_leave();
            Pin::new(&mut connection).graceful_shutdown();
        }
        Pin::new(&mut connection).poll(context).map(|result| ended(line, result))
    })
    .await
}
