//! N9 and N10 on each driver: Unix sockets for packets, and their names.

use fate::{Fate, Sent, UnixDatagram, UnixName};
use fate_conformance::ground::Ground;
use fate_conformance::on_each_driver;
use fate_conformance::scissors::cut_everywhere;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process};

on_each_driver! {
    packets_go_to_names_and_come_from_them,
    a_packet_fuse_burns_on_a_unix_packet,
    one_without_a_name_can_send_and_be_told_so,
    a_name_is_free_again_once_its_socket_is_closed,
    a_name_that_somebody_has_is_refused,
    who_sends_too_fast_is_told_or_waits,
    waiting_for_room_sends_each_packet_once,
    many_senders_wait_for_one_reader,
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// A folder for the files of one test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("fate-datagrams-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A name for a file: in a folder of its own, or any on a simulated host, which has no folders.
fn file(ground: &Ground) -> (Option<Folder>, PathBuf) {
    if ground.is_simulated() {
        return (None, "/run/rabbit".into());
    }
    let folder = Folder::new();
    let path = folder.0.join("rabbit");
    (Some(folder), path)
}

/// A name that is no file, and that no other test has.
fn hidden() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("@fate-datagrams-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn path(name: &Path) -> UnixName {
    UnixName::Path(name.into())
}

/// N10.
fn packets_go_to_names_and_come_from_them(ground: &Ground) {
    let ((_folder, first), second) = (file(ground), hidden());
    ground.run(async |fate| {
        let (here, there) = (fate.bind_unix_datagram(&first).unwrap(), fate.bind_unix_datagram(&second).unwrap());
        assert_eq!((here.local_name(), there.local_name()), (path(&first), UnixName::from(&second)));
        assert_eq!(here.send_to(b"ping", &second).unwrap(), Sent::Taken);
        let mut buffer = [0; 8];
        let (length, from) = there.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..length], &from), (&b"ping"[..], &path(&first)));
        assert_eq!(there.send_to(b"", from).unwrap(), Sent::Taken);
        let received = here.receive().await.unwrap();
        assert_eq!((&received.data[..], received.from), (&b""[..], UnixName::from(&second)));
        there.connect(&first).unwrap();
        assert_eq!(there.peer_name().unwrap(), path(&first));
        there.send_soon(b"pong").await.unwrap();
        assert_eq!(here.receive().await.unwrap().data, "pong");
    });
}

/// N9.
fn a_packet_fuse_burns_on_a_unix_packet(ground: &Ground) {
    let name = hidden();
    let fate = ground.fate();
    let ear = fate.bind_unix_datagram(&name).unwrap();
    let fuse = ear.get_fuse(|packet| packet.data == b"tea" && packet.from == UnixName::Unnamed);
    fuse.set_handler(move |_| drop(ear));
    fate.spawn({
        let mouth = fate.unix_datagram().unwrap();
        async move {
            for words in ["coffee", "tea"] {
                mouth.send_to_soon(words.as_bytes(), &name).await.unwrap();
            }
        }
    });
    fate.run().unwrap();
    assert!(fuse.is_burned());
}

/// N10.
fn one_without_a_name_can_send_and_be_told_so(ground: &Ground) {
    let name = hidden();
    ground.run(async |fate| {
        let (ear, mouth) = (fate.bind_unix_datagram(&name).unwrap(), fate.unix_datagram().unwrap());
        assert_eq!(mouth.local_name(), UnixName::Unnamed);
        assert_eq!(mouth.peer_name().unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(mouth.send_to(b"tea", &name).unwrap(), Sent::Taken);
        assert_eq!(ear.receive().await.unwrap().from, UnixName::Unnamed);
        assert_eq!(mouth.send_to(b"tea", &hidden()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        mouth.send(b"to whom?").unwrap_err();
    });
}

/// N10.
fn a_name_is_free_again_once_its_socket_is_closed(ground: &Ground) {
    let ((_folder, visible), hidden) = (file(ground), hidden());
    ground.run(async |fate| {
        for name in [UnixName::from(&visible), UnixName::from(&hidden)] {
            for _ in 0..3 {
                drop(fate.bind_unix_datagram(name.clone()).unwrap());
                assert!(ground.is_simulated() || !visible.exists(), "its file goes with it");
                fate.sleep(MILLISECOND).await;
            }
        }
    });
}

/// N10.
fn a_name_that_somebody_has_is_refused(ground: &Ground) {
    let ((_folder, visible), hidden) = (file(ground), hidden());
    ground.run(async |fate| {
        for name in [UnixName::from(&visible), UnixName::from(&hidden)] {
            let ear = fate.bind_unix_datagram(name.clone()).unwrap();
            assert_eq!(fate.bind_unix_datagram(name.clone()).unwrap_err().kind(), ErrorKind::AddrInUse);
            fate.sleep(MILLISECOND).await;
            let mouth = fate.unix_datagram().unwrap();
            assert_eq!(mouth.send_to(b"still there", name).unwrap(), Sent::Taken);
            assert_eq!(ear.receive().await.unwrap().data, "still there");
        }
    });
}

/// Sends until there is no room; says how many went.
fn fill(mouth: &UnixDatagram, name: &str) -> u32 {
    let packets = (0..100_000_u32).map(|number| number.to_be_bytes());
    let count = packets.take_while(|packet| mouth.send_to(packet, name).unwrap() == Sent::Taken).count();
    assert!(count > 0 && count < 100_000);
    count as u32
}

async fn number(ear: &UnixDatagram) -> u32 {
    let mut number = [0; 4];
    assert_eq!(ear.recv(&mut number).await.unwrap(), 4);
    u32::from_be_bytes(number)
}

/// N9.
fn who_sends_too_fast_is_told_or_waits(ground: &Ground) {
    let name = hidden();
    ground.run(async |fate| {
        let (ear, mouth) = (fate.bind_unix_datagram(&name).unwrap(), fate.unix_datagram().unwrap());
        let full = fill(&mouth, &name);
        let send = async {
            for number in full..full + 100 {
                mouth.send_to_soon(&number.to_be_bytes(), &name).await.unwrap();
            }
        };
        let read = async {
            for expected in 0..full + 100 {
                if expected % 16 == 0 {
                    fate.sleep(MILLISECOND / 2).await;
                }
                assert_eq!(number(&ear).await, expected);
            }
        };
        futures_lite::future::zip(send, read).await;
    });
}

/// A4.
fn waiting_for_room_sends_each_packet_once(ground: &Ground) {
    cut_everywhere(|scissors| {
        let name = hidden();
        ground.another().run(async |fate| {
            let (ear, mouth) = (fate.bind_unix_datagram(&name).unwrap(), fate.unix_datagram().unwrap());
            let full = fill(&mouth, &name);
            let send = async {
                for number in full..full + 3 {
                    let packet = number.to_be_bytes();
                    scissors.retry(async || mouth.send_to_soon(&packet, &name).await.unwrap()).await;
                }
            };
            let read = async {
                fate.sleep(MILLISECOND / 2).await;
                for expected in 0..full + 3 {
                    assert_eq!(number(&ear).await, expected);
                }
            };
            futures_lite::future::zip(send, read).await;
        });
    });
}

/// N9: first come, first served; nobody is forgotten.
fn many_senders_wait_for_one_reader(ground: &Ground) {
    let name = hidden();
    let fate = ground.fate();
    let (ear, mouth) = (fate.bind_unix_datagram(&name).unwrap(), Rc::new(fate.unix_datagram().unwrap()));
    let full = fill(&mouth, &name);
    let send_later = |fate: &Fate, number: u32| {
        let (mouth, name) = (mouth.clone(), name.clone());
        fate.spawn(async move { mouth.send_to_soon(&number.to_be_bytes(), &name).await.unwrap() })
    };
    let senders: Vec<_> = (full..full + 40).map(|number| send_later(&fate, number)).collect();
    let given_up = full + 7;
    fate.get_fuse(MILLISECOND).set_handler(move |_| senders[7].cancel());
    let here = fate.clone();
    fate.spawn(async move {
        here.sleep(MILLISECOND * 2).await;
        for expected in (0..full + 40).filter(|number| *number != given_up) {
            assert_eq!(number(&ear).await, expected);
        }
        here.shutdown();
    });
    fate.run().unwrap();
    let left = fate.report().left;
    assert!(!left.iter().any(|live| live.kind == fate::Kind::Task && live.waits_for.contains("fuse")), "{left:?}");
}

/// N10: who is gone has left its file, and nobody receives there.
#[test]
fn a_file_that_was_left_behind_is_replaced() {
    let folder = Folder::new();
    let name = folder.0.join("rabbit");
    drop(std::os::unix::net::UnixDatagram::bind(&name).unwrap());
    assert!(name.exists());
    let fate = Fate::new().unwrap();
    let ear = fate.bind_unix_datagram(&name).unwrap();
    std::os::unix::net::UnixDatagram::unbound().unwrap().send_to(b"tea", &name).unwrap();
    fate.run_until(async { assert_eq!(ear.receive().await.unwrap().data, "tea") });
    drop(ear);
    assert!(!name.exists());
}

/// N10: what is no socket is nobody's to remove.
#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let folder = Folder::new();
    let name = folder.0.join("diary");
    fs::write(&name, "down the rabbit hole").unwrap();
    let fate = Fate::new().unwrap();
    assert_eq!(fate.bind_unix_datagram(&name).unwrap_err().kind(), ErrorKind::AddrInUse);
    fate.listen_unix(&name).unwrap_err();
    assert_eq!(fs::read_to_string(&name).unwrap(), "down the rabbit hole");
    let _stream = std::os::unix::net::UnixListener::bind(folder.0.join("stream")).unwrap();
    assert_eq!(fate.bind_unix_datagram(&folder.0.join("stream")).unwrap_err().kind(), ErrorKind::AddrInUse);
}
