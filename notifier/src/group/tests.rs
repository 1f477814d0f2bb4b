use super::*;

fn grid(anchor: i64, interval: u64) -> Grid {
    Grid { anchor: Timestamp::from_secs(anchor), interval: Duration::from_secs(interval) }
}

#[test]
fn instants_of_a_grid() {
    let grid = grid(100, 30);
    for (now, at, next) in [(50, 100, 100), (100, 100, 130), (129, 100, 130), (130, 130, 160), (1000, 1000, 1030)] {
        let now = Timestamp::from_secs(now);
        assert_eq!(grid.instant_at(now), Timestamp::from_secs(at), "{now}");
        assert_eq!(grid.next_after(now), Timestamp::from_secs(next), "{now}");
    }
}

#[test]
fn a_grid_without_width_does_not_spin() {
    let now = Timestamp::from_secs(7);
    assert_eq!(grid(5, 0).next_after(now), Timestamp::from_secs(8));
    assert_eq!(grid(5, 0).instant_at(now), now);
}

/// As recorded from Alertmanager (`alert_order`).
#[test]
fn alerts_are_told_in_alertmanagers_order() {
    let labels = |text: &str| text.split(' ').map(|pair| pair.split_once('=').unwrap()).collect::<LabelSet>();
    let order = [
        "a=M instance=9 job=a",
        "a=C job=a",
        "a=A instance=10 job=b",
        "a=Z instance=2 job=b",
        "a=Y instance=1",
        "a=A",
        "a=B",
        "a=A zz=1",
        "a=A aa=1",
        "a=A aa=1 b=2",
    ];
    for (i, a) in order.iter().enumerate() {
        for (j, b) in order.iter().enumerate() {
            assert_eq!(alert_order(&labels(a), &labels(b)), i.cmp(&j), "{a} {b}");
        }
    }
}
