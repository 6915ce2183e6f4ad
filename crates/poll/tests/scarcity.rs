//! Out of descriptors. Alone in its process, because the limit is the process's.

#[path = "driver/rig.rs"]
#[allow(dead_code, reason = "made for other tests")]
mod rig;

use fate_core::{Clock, Driver, Event, Socket};
use rig::Rig;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// N6: the failure is told, the connection waits, and whoever accepts again when there is room gets it. Meanwhile time goes
/// on, on every clock.
#[test]
fn a_connection_for_which_there_is_no_descriptor_waits_for_one() {
    let mut rig = Rig::default();
    let (listener, address) = rig.listener();
    let key = rig.accept(listener);
    rig.look();
    let _clients = [0; 3].map(|_| TcpStream::connect(address).unwrap());
    let last = TcpStream::connect(address).unwrap().as_raw_fd();
    let before = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(last as u64 + 1), ..before }).unwrap();
    assert!(rig.driver.network().has_room_after(Socket(last), 0));
    assert!(!rig.driver.network().has_room_after(Socket(last), 1));

    let told: Vec<_> = rig.look();
    let [first, second] = &told[..] else { panic!("{told:?}") };
    let Event::Accepted(socket) = first.event else { panic!("{first:?}") };
    let Event::Failed(error) = &second.event else { panic!("{second:?}") };
    assert_eq!((second.key, error.raw_os_error()), (key, Some(Errno::MFILE.raw_os_error())));
    for clock in Clock::ALL {
        let until = rig.within(clock, Duration::from_millis(1));
        assert!(rig.exchange(&until).is_empty() && rig.now(clock) >= until.on(clock), "{clock:?}");
    }
    let again = rig.accept(listener);
    assert!(matches!(&rig.look()[..], [told] if told.key == again && matches!(told.event, Event::Failed(_))));

    fate_unix::close(socket, false);
    rig.accept(listener);
    accept_one(&mut rig);
    setrlimit(Resource::Nofile, before).unwrap();
    assert!(rig.driver.network().has_room_after(Socket(last), 1), "the limit was moved");
    rig.accept(listener);
    accept_one(&mut rig);
}

fn accept_one(rig: &mut Rig) {
    let told = rig.look();
    let accepted: Vec<Socket> = told.iter().filter_map(|told| socket(&told.event)).collect();
    assert!(!accepted.is_empty(), "{told:?}");
    for socket in accepted {
        rig.keep(socket);
    }
}

fn socket(event: &Event) -> Option<Socket> {
    if let Event::Accepted(socket) = event { Some(*socket) } else { None }
}
