//! Looks at the rings of a host while maps come and go: no ring that is there is missed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use libbpf_rs::{MapCore, MapHandle, MapType};
use ringbuf_host::{Host, HostError, HostRing};
use ringbuf_tests::{AtEnd, create_map, live, page_size, skip, watchdog};

/// Rings that stay, between those that come and go.
const STAY: usize = 50;
const LOOKS: usize = 2_000;

#[test]
fn no_ring_is_missed_while_maps_come_and_go() {
    let test = "host_changes::no_ring_is_missed";
    if !live(test) {
        return;
    }
    let _hangs = watchdog(test);
    let host = match Host::iterators() {
        Ok(host) => host,
        Err(error @ (HostError::NoTypes | HostError::Narrow)) => {
            return skip(test, &error.to_string());
        }
        Err(error) => panic!("{error}"),
    };
    let page = page_size() as u32;
    let ring = || create_map(MapType::RingBuf, 0, 0, page, 0).expect("a ring");
    let array = || create_map(MapType::Array, 4, 4, 1, 0).expect("an array");
    // Each ring that stays has an id between those of maps that go.
    let (mut stay, mut go) = (Vec::new(), Vec::new());
    for _ in 0..STAY {
        go.extend([array(), ring()]);
        stay.push(ring());
    }
    let ids: Vec<u32> = stay.iter().map(id_of).collect();
    let stop = AtomicBool::new(false);
    let missed = thread::scope(|scope| {
        scope.spawn(|| {
            drop(go);
            while !stop.load(Ordering::Relaxed) {
                let some: Vec<MapHandle> = (0..10).flat_map(|_| [array(), ring()]).collect();
                drop(some);
            }
        });
        let _ends = AtEnd(|| stop.store(true, Ordering::Relaxed));
        (0..LOOKS).find_map(|number| {
            let rings = host.rings().expect("read");
            let missed = missing(&rings, &ids);
            (!missed.is_empty()).then_some((number, rings.len(), missed))
        })
    });
    assert_eq!(missed, None, "number of the look, rings in it, missing ids");
}

fn id_of(map: &MapHandle) -> u32 {
    map.info().expect("info").info.id
}

fn missing(rings: &[HostRing], ids: &[u32]) -> Vec<u32> {
    let listed = |id: &&u32| rings.iter().any(|ring| ring.info.id == **id);
    ids.iter().filter(|id| !listed(id)).copied().collect()
}
