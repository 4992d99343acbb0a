//! Several engines on one store, one of which cannot reach it.

use crate::world::{Script, World, alpha};
use async_trait::async_trait;
use chatbox_core::store::{
    Admin, Claim, DeliveryState, Hint, Hints, LaneKind, Layer, LogRow, MemoryStore, Offer, Outcome,
    Step, Store, StoreError,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

/// The usual lease, and the part of it after which a holder lets go that could not renew.
const LEASE: Duration = Duration::from_secs(30);
const OURS: Duration = Duration::from_secs(20);
const MOMENT: Duration = Duration::from_secs(4);

/// One engine's way to a store that others have open too.
#[derive(Debug)]
struct Way {
    memory: Arc<MemoryStore>,
    hints: broadcast::Sender<Hint>,
    cut: AtomicBool,
}

impl Way {
    fn to(memory: &Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self {
            memory: memory.clone(),
            hints: broadcast::Sender::new(1),
            cut: AtomicBool::new(false),
        })
    }

    /// From now on nothing comes through, and nobody is told; or it does again.
    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
    }
}

#[async_trait]
impl Layer for Way {
    fn beneath(&self) -> &dyn Store {
        self.memory.as_ref()
    }

    async fn commit(&self, steps: Vec<Step>) -> Result<Vec<Outcome>, StoreError> {
        while self.cut.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(50)).await;
        }
        self.memory.commit(steps).await
    }

    fn hints(&self) -> Option<Hints> {
        Some(self.hints.subscribe())
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_let_go_before_the_next_engine_may_have_it() {
    let (memory, platform) = (Arc::new(MemoryStore::new()), alpha());
    let (way, other) = (Way::to(&memory), Way::to(&memory));
    let first = World::over(way.clone(), Script::echo()).await;
    let second = World::over(other, Script::echo()).await;
    let town = first.connect(platform.clone()).await;
    second.attach("main", platform.clone()).await;
    sleep(LEASE * 4).await;
    assert_eq!(platform.opened(), 1, "one reads it, for ever");
    way.cut(true);
    let cut = Instant::now();
    while town.is_open() {
        sleep(Duration::from_millis(10)).await;
    }
    let let_go = cut.elapsed();
    assert!(let_go <= OURS, "{let_go:?}");
    while !town.is_open() {
        sleep(Duration::from_millis(10)).await;
    }
    let taken = cut.elapsed();
    assert!(taken <= LEASE + MOMENT, "{taken:?}");
    assert!(taken - let_go >= LEASE / 4, "{let_go:?} and {taken:?}");
    way.cut(false);
    sleep(LEASE * 4).await;
    assert_eq!(platform.opened(), 2, "and it stays with the second");
    town.say("ana", "hello").await;
    sleep(MOMENT).await;
    assert_eq!(town.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_stops_gives_its_connections_to_the_next() {
    let (memory, platform) = (Arc::new(MemoryStore::new()), alpha());
    let first = World::over(Way::to(&memory), Script::echo()).await;
    let second = World::over(Way::to(&memory), Script::echo()).await;
    let town = first.connect(platform.clone()).await;
    second.attach("main", platform.clone()).await;
    assert!(first.chatbox.drain(MOMENT).await);
    // Nobody told the second, which looks by itself.
    sleep(MOMENT).await;
    assert!(town.is_open());
    assert_eq!(platform.opened(), 2);
}

/// Where the platform forgets what it has handed over, alone and where others could read the connection.
#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_taken_in_before_a_connection_is_let_go() {
    const LEAVE: Duration = Duration::from_secs(2);
    for shared in [false, true] {
        let (memory, platform) = (Arc::new(MemoryStore::new()), alpha());
        let store: Arc<dyn Store> = match shared {
            true => Way::to(&memory),
            false => memory.clone(),
        };
        platform.hand_over_late(&["one", "two"]);
        let world = World::over(store, Script::echo()).await;
        let town = world.connect(platform.clone()).await;
        town.say("ana", "before").await;
        town.all_confirmed().await;
        let told = Instant::now();
        assert!(world.chatbox.drain(MOMENT).await);
        assert!(told.elapsed() < LEAVE, "it ends with what was on its way");
        let texts = |rows: Vec<LogRow>| -> Vec<String> {
            let said = rows.into_iter().filter(|row| !row.out);
            let said = said.filter_map(|row| Some(row.body.content()?.text.clone()));
            said.collect()
        };
        assert_eq!(texts(world.rows("ana").await), ["before", "one", "two"]);

        // Who does not let go is not waited for without end, and the connection is free for the next.
        platform.hand_over_late(&[]);
        let next = World::over(Way::to(&memory), Script::echo()).await;
        let town = next.connect(platform.clone()).await;
        town.say("ana", "after").await;
        town.all_confirmed().await;
        let told = Instant::now();
        assert!(next.chatbox.drain(MOMENT).await);
        let took = told.elapsed();
        assert!(took >= LEAVE && took < MOMENT, "{took:?}");
        let last = World::over(Way::to(&memory), Script::echo()).await;
        last.attach("main", platform.clone()).await;
        sleep(MOMENT).await;
        assert_eq!(platform.opened(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_after_another_took_over_is_neither_kept_nor_confirmed() {
    let memory = Arc::new(MemoryStore::new());
    let world = World::over(Way::to(&memory), Script::echo()).await;
    let town = world.connect(alpha()).await;
    town.say("ana", "one").await;
    sleep(MOMENT).await;
    assert_eq!((town.confirmed(), town.sent().len()), (1, 1));
    // The engine has not noticed anything yet.
    let claim = Step::Claim(Claim {
        kind: LaneKind::Link,
        owner: None,
        except: Vec::new(),
        offer: Offer {
            worker: "another".into(),
            lease_ms: 3_600_000,
        },
        limit: 1,
    });
    for step in [Step::Admin(Box::new(Admin::EndLeases)), claim] {
        memory.commit(vec![step]).await.expect("it commits");
    }
    town.say("ana", "two").await;
    sleep(MOMENT).await;
    assert_eq!((town.confirmed(), town.sent().len()), (1, 1));
    assert!(!town.is_open(), "it is the other's to read");
    let rows = world.rows("ana").await;
    assert_eq!(rows.len(), 2, "one, and its answer: {rows:?}");
}

#[tokio::test(start_paused = true)]
async fn a_send_is_cut_off_when_its_lane_cannot_be_kept() {
    let memory = Arc::new(MemoryStore::new());
    let way = Way::to(&memory);
    let world = World::over(way.clone(), Script::echo()).await;
    let town = world.connect(alpha()).await;
    town.slow_down(LEASE + OURS);
    town.say("ana", "one").await;
    sleep(Duration::from_secs(1)).await;
    way.cut(true);
    sleep(LEASE * 4).await;
    assert_eq!(town.sent(), [], "it was not sent after all");
    way.cut(false);
    sleep(LEASE * 2).await;
    let states: Vec<_> = world.deliveries().await;
    let states: Vec<_> = states.into_iter().map(|it| it.state).collect();
    assert_eq!(
        states,
        [DeliveryState::Unknown],
        "nobody knows, and nobody tries"
    );
    assert_eq!(town.sent(), []);
}
