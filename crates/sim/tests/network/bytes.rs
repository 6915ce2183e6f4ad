//! Whatever the link does and whatever is cancelled: bytes come out as they went in.

use crate::rig::{Host, MILLISECOND, connected, noise, pair, pass};
use fate_core::{Event, Key, Setting, Socket};
use proptest::prelude::*;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Send(usize),
    CancelSend,
    Receive,
    CancelReceive,
    Pass(u32),
    Part,
    Heal,
    Latency(u32, u32),
    Loss(f64),
    Bandwidth(u64),
    SendBuffer(u32),
    ReceiveBuffer(u32),
    NoDelay(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..40_000usize).prop_map(Step::Send),
        1 => Just(Step::CancelSend),
        4 => Just(Step::Receive),
        2 => Just(Step::CancelReceive),
        8 => (0..40u32).prop_map(Step::Pass),
        1 => Just(Step::Part),
        2 => Just(Step::Heal),
        1 => (0..20u32, 0..50u32).prop_map(|(from, width)| Step::Latency(from, width)),
        1 => (0.0..0.5).prop_map(Step::Loss),
        1 => (1_000..10_000_000u64).prop_map(Step::Bandwidth),
        1 => (1..200_000u32).prop_map(Step::SendBuffer),
        1 => (1..200_000u32).prop_map(Step::ReceiveBuffer),
        1 => any::<bool>().prop_map(Step::NoDelay),
    ]
}

/// One direction: what is sent and received, and what is under way.
struct Course {
    bytes: Vec<u8>,
    sent: usize,
    sending: Option<(Key, usize)>,
    received: Vec<u8>,
    receiving: Option<Key>,
}

impl Course {
    fn new(bytes: Vec<u8>) -> Course {
        Course { bytes, sent: 0, sending: None, received: Vec::new(), receiving: None }
    }

    fn send(&mut self, host: &mut Host, socket: Socket, length: usize) {
        let length = length.min(self.bytes.len() - self.sent);
        if self.sending.is_none() && length > 0 {
            let key = host.send(socket, &self.bytes[self.sent..self.sent + length]);
            self.sending = Some((key, length));
        }
    }

    /// What was taken before the cancel was told already.
    fn cancel_send(&mut self, host: &mut Host) {
        self.look_sent(host);
        if let Some((key, _)) = self.sending.take() {
            host.cancel(key);
            assert!(host.news(key).is_empty());
        }
    }

    fn look_sent(&mut self, host: &mut Host) {
        let Some((key, length)) = self.sending else { return };
        match &host.news(key)[..] {
            [] => {}
            [Event::Sent(left, Ok(()))] => {
                assert!(left.len() < length, "at least one byte");
                self.sent += length - left.len();
                self.sending = None;
            }
            other => panic!("{other:?}"),
        }
    }

    fn receive(&mut self, host: &mut Host, socket: Socket) {
        self.receiving.get_or_insert_with(|| host.receive(socket));
    }

    fn look_received(&mut self, host: &mut Host) {
        if let Some(key) = self.receiving {
            self.received.extend(host.received(key));
        }
    }

    /// What was taken before the cancel is told, and then that it was cancelled.
    fn cancel_receive(&mut self, host: &mut Host) {
        let Some(key) = self.receiving.take() else { return };
        host.cancel(key);
        let mut news = host.news(key);
        assert!(matches!(news.pop(), Some(Event::Cancelled)));
        for event in news {
            let Event::Received(buffer) = event else { panic!("{event:?}") };
            self.received.extend_from_slice(&buffer);
        }
    }
}

fn play(steps: &[(bool, Step)]) {
    let mut pair = pair();
    let mut sockets = connected(&mut pair);
    let link = pair[0].link(&pair[1]);
    let mut courses = [Course::new(noise(300_000)), Course::new(noise(200_000))];
    for &(is_back, step) in steps {
        if is_back {
            pair.reverse();
            sockets.reverse();
            courses.reverse();
        }
        let [here, there] = &mut pair;
        let course = &mut courses[0];
        match step {
            Step::Send(length) => course.send(here, sockets[0], length),
            Step::CancelSend => course.cancel_send(here),
            Step::Receive => course.receive(there, sockets[1]),
            Step::CancelReceive => course.cancel_receive(there),
            Step::Pass(millis) => pass(&here.world, MILLISECOND * millis),
            Step::Part => here.world.part(link),
            Step::Heal => here.world.heal(link),
            Step::Latency(from, width) => {
                here.world.set_latency(link, &(MILLISECOND * from..MILLISECOND * (from + width)));
            }
            Step::Loss(probability) => here.world.set_loss(link, probability),
            Step::Bandwidth(rate) => here.world.set_bandwidth(link, rate),
            Step::SendBuffer(bytes) => here.set(sockets[0], Setting::SendBuffer(bytes)),
            Step::ReceiveBuffer(bytes) => there.set(sockets[1], Setting::ReceiveBuffer(bytes)),
            Step::NoDelay(on) => here.set(sockets[0], Setting::NoDelay(on)),
        }
        course.look_sent(here);
        course.look_received(there);
        if is_back {
            pair.reverse();
            sockets.reverse();
            courses.reverse();
        }
    }
    pair[0].world.heal(link);
    pair[0].world.set_loss(link, 0.0);
    pair[0].world.set_bandwidth(link, 0);
    for _ in 0..2 {
        finish(&mut pair, sockets, &mut courses[0]);
        pair.reverse();
        sockets.reverse();
        courses.reverse();
    }
}

/// Sends and receives the rest of one direction.
fn finish([here, there]: &mut [Host; 2], sockets: [Socket; 2], course: &mut Course) {
    while course.received.len() < course.bytes.len() {
        course.send(here, sockets[0], course.bytes.len());
        course.receive(there, sockets[1]);
        let before = (course.sent, course.received.len());
        course.look_sent(here);
        course.look_received(there);
        let is_stuck = before == (course.sent, course.received.len()) && !here.world.go_on(None);
        assert!(!is_stuck, "stuck at {before:?} of {}", course.bytes.len());
    }
    assert!(course.received == course.bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// A4, V1.
    #[test]
    fn bytes_come_out_as_they_went_in(steps in prop::collection::vec((any::<bool>(), step()), 0..200)) {
        play(&steps);
    }
}
