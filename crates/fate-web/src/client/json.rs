//! JSON and forms (with the feature `json`).

use super::error::Kind;
use super::{Request, Response};
use fate::Deferred;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;

impl Request {
    /// Sets the body: the value as JSON.
    ///
    /// ```
    /// # use fate::sim::Sim;
    /// # use fate_web::Client;
    /// # use futures_lite::io::AsyncWriteExt;
    /// use std::collections::BTreeMap;
    ///
    /// # let mut sim = Sim::new(1);
    /// # let (server, fate) = (sim.host("server"), sim.host("here"));
    /// # let listener = server.listen_tcp("0.0.0.0:80")?;
    /// # server.spawn(async move {
    /// #     let (mut stream, _) = listener.accept().await?;
    /// #     stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"guests\":3}").await?;
    /// #     fate::Ok(())
    /// # });
    /// # let client = Client::new(&fate);
    /// client
    ///     .post("http://server/party")
    ///     .json(&BTreeMap::from([("who", "Alice")]))
    ///     .send()
    ///     .and_then(|response| response.ok())
    ///     .and_then(|response| response.json::<BTreeMap<String, u32>>())
    ///     .add_callback(|party| assert_eq!(party["guests"], 3));
    /// # sim.run()?;
    /// # Ok::<(), fate::Failure>(())
    /// ```
    pub fn json(mut self, value: &impl Serialize) -> Request {
        match serde_json::to_vec(value) {
            Ok(text) => self.of_type("application/json").body(text),
            Err(_) => {
                self.note("its body cannot be said in JSON");
                self
            }
        }
    }

    /// Sets the body: the value as a form that was filled in.
    ///
    /// ```
    /// # use fate::sim::Sim;
    /// # use fate_web::Client;
    /// # let mut sim = Sim::new(1);
    /// # let client = Client::new(&sim.host("here"));
    /// let request = client.post("http://server/tea").form(&[("cups", "2"), ("with", "milk & sugar")]);
    /// # drop(request);
    /// ```
    pub fn form(mut self, value: &impl Serialize) -> Request {
        match serde_urlencoded::to_string(value) {
            Ok(text) => self.of_type("application/x-www-form-urlencoded").body(text),
            Err(_) => {
                self.note("its body is no form");
                self
            }
        }
    }

    /// Says what is in the body, unless that was said.
    fn of_type(mut self, words: &'static str) -> Request {
        self.wish.headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(words));
        self
    }
}

impl Response {
    /// What the whole body says in JSON.
    ///
    /// # Errors
    /// As [`Response::bytes`]; and a [`WebError`](crate::WebError) that [is about decoding](crate::WebError::is_decode)
    /// if it does not say that.
    #[track_caller]
    pub fn json<T: DeserializeOwned + 'static>(self) -> Deferred<T> {
        let fate = self.fate().clone();
        fate.spawn(async move {
            let unfit = self.body_error(Kind::Decode);
            let text = self.collect().await?;
            serde_json::from_slice(&text).map_err(|error| unfit.because(error))
        })
        .and_then(|value| value)
    }
}
