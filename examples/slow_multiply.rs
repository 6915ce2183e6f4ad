//! Values on their way: a product takes three seconds, and five wait for theirs at once.
//!
//! A fuse says that something has happened; a [`Deferred`] also brings what came of it. `slow_multiply` returns at once, with
//! a Deferred of the product, and keeps the [`Promise`](fate::Promise) to fire it. Whoever is handed the Deferred adds steps:
//! what to do with the value, and what if there is none. Read the five in order:
//!
//! - `callback`: what happens with the value;
//! - `errback`: what happens with a failure;
//! - `chain`: a step that takes its time, too;
//! - `timeout`: no longer than that;
//! - `line_by_line`: all of it again, as one would write it if one could sleep.
//!
//! All five go on at the same time. Prints, here with the seconds at which:
//! ```text
//! 0    Determining result of 5 * 7...
//! 3    ... result is 35!
//! 3    ... 20 * 15 is more than 255: let us say 255
//! 3    ... half of which is 127
//! 4    ... 2 * 3 * 7 takes longer than four seconds: time is up
//! 6    ... 2 * 3 * 7 is 42
//! 7    ... a box of 4 by 5 by 6 holds 120
//! ```
//! and ends after eight.

use fate::{Deferred, Elapsed, Fate};
use std::time::Duration;

/// Multiplies two small numbers, in three seconds. Fails if the product is not a small number.
fn slow_multiply(fate: &Fate, x: u8, y: u8) -> Deferred<u8> {
    let (promise, product) = fate.deferred();
    fate.get_fuse(Duration::from_secs(3)).set_handler(move |_| match x.checked_mul(y) {
        Some(product) => promise.callback(product),
        None => promise.errback(format!("{x} * {y} is more than {}", u8::MAX)),
    });
    product
}

/// A callback is given the value. The Deferred is not kept: its steps run all the same.
fn callback(fate: &Fate) {
    println!("Determining result of 5 * 7...");
    slow_multiply(fate, 5, 7).add_callback(|product| println!("... result is {product}!"));
}

/// A failure passes by callbacks until an errback hears it; what that returns is the value from there on, as after a `catch`.
fn errback(fate: &Fate) {
    slow_multiply(fate, 20, 15)
        .add_errback(|failure| {
            println!("... {failure}: let us say {}", u8::MAX);
            u8::MAX
        })
        .add_callback(|product| println!("... half of which is {}", product / 2));
}

/// Multiplies three numbers: the second step gives a Deferred of its own, and the chain waits for that one.
fn slow_multiply_three(fate: &Fate, x: u8, y: u8, z: u8) -> Deferred<u8> {
    let fate = fate.clone();
    slow_multiply(&fate, x, y).and_then(move |product| slow_multiply(&fate, product, z))
}

fn chain(fate: &Fate) {
    slow_multiply_three(fate, 2, 3, 7).add_callback(|product| println!("... 2 * 3 * 7 is {product}"));
}

/// What has not come in time is cancelled and fails with [`Elapsed`]. A failure of another kind is none of this errback's
/// business: `trap` hands it on.
fn timeout(fate: &Fate) {
    slow_multiply_three(fate, 2, 3, 7)
        .add_timeout(Duration::from_secs(4))
        .add_callback(|product| println!("... 2 * 3 * 7 is {product}, and in time"))
        .or_else(|failure| {
            let elapsed = failure.trap::<Elapsed>();
            elapsed.map(|elapsed| println!("... 2 * 3 * 7 takes longer than four seconds: {elapsed}"))
        });
}

/// A task: `.await` lets everything else go on until the value is there, `?` passes a failure on, and `match` is callback and
/// errback in one.
async fn line_by_line(fate: Fate) -> fate::Result {
    let area = slow_multiply(&fate, 4, 5).await?;
    fate.sleep(Duration::from_secs(1)).await;
    match slow_multiply(&fate, area, 6).await {
        Ok(volume) => println!("... a box of 4 by 5 by 6 holds {volume}"),
        Err(failure) => println!("... a box of 4 by 5 by 6 is too large: {failure}"),
    }
    Ok(())
}

/// Starts all five; one fuse ends them.
pub fn set_up(fate: &Fate) {
    callback(fate);
    errback(fate);
    chain(fate);
    timeout(fate);
    fate.spawn(line_by_line(fate.clone()));
    fate.get_fuse(Duration::from_secs(8)).set_handler(|fate| fate.shutdown());
}

fn main() -> fate::Result {
    let fate = Fate::new()?;
    set_up(&fate);
    fate.run()
}
