//! A closure as a service.

use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::reply::Reply;
use fate::Failure;
use http::{Request, Response};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A closure that answers requests.
pub(super) struct Closure<C>(Rc<C>);

impl<C> Closure<C> {
    pub fn new(closure: C) -> Closure<C> {
        Closure(Rc::new(closure))
    }
}

impl<C> Clone for Closure<C> {
    fn clone(&self) -> Closure<C> {
        Closure(self.0.clone())
    }
}

impl<C, F> tower_service::Service<Request<Incoming>> for Closure<C>
where
    C: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output: Reply> + 'static,
{
    type Response = Response<Outgoing>;
    type Error = Failure;
    type Future = Replying<F>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Replying<F> {
        Replying { future: (self.0)(request) }
    }
}

pin_project! {
    /// The future of a closure, and then its reply.
    pub(super) struct Replying<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future<Output: Reply>> Future for Replying<F> {
    type Output = Result<Response<Outgoing>, Failure>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(context).map(Reply::reply)
    }
}
