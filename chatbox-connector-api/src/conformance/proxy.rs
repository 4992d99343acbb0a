//! A wire that can break: a TCP proxy between the adapter and the test server. It knows nothing of what is spoken.

use super::vendor::Wire;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// More than one test ever opens.
const BACKLOG: u32 = 1024;
/// How long a client may take to notice that an idle connection of its was closed.
const NOTICED: Duration = Duration::from_millis(100);

/// What happens to connections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    /// As the suite wishes. A cut is one moment: new connections do not see it.
    Wire(Wire),
    /// Whoever waits for no answer is cut off, and nobody new is let in.
    NoNewRequests,
}

impl Order {
    fn lets_in(&self) -> bool {
        !matches!(self, Self::Wire(Wire::Down) | Self::NoNewRequests)
    }

    /// Whether it ends a connection that is there already.
    fn ends(&self, waits: bool) -> bool {
        match self {
            Self::Wire(Wire::Up | Wire::Silent) => false,
            Self::Wire(_) => true,
            Self::NoNewRequests => !waits,
        }
    }
}

/// The wire. It ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    near: SocketAddr,
    orders: watch::Sender<Order>,
    task: AbortHandle,
}

impl Proxy {
    /// A wire to `far`. Within a runtime of tokio's.
    ///
    /// # Panics
    /// Where no port is free.
    pub fn to(far: SocketAddr) -> Self {
        // Bound and never listening: while nobody listens either, the port stays ours and refuses everybody.
        let keeper = socket(SocketAddr::from(([127, 0, 0, 1], 0)));
        let near = keeper.local_addr().expect("bound");
        let orders = watch::Sender::new(Order::Wire(Wire::Up));
        let listener = socket(near).listen(BACKLOG).expect("the port is ours");
        let serving = serve(keeper, listener, far, orders.clone());
        let task = tokio::spawn(serving).abort_handle();
        Self { near, orders, task }
    }

    /// Where its near end is, as `http://HOST:PORT`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.near)
    }

    /// How it is from now on; a cut is one moment.
    pub fn set(&self, wire: Wire) {
        self.orders.send_replace(Order::Wire(wire));
    }

    /// Nobody can be reached for a while, but who waits for an answer gets it. Returns once that is noticed.
    pub async fn unreachable_for(&self, time: Duration) {
        let orders = self.orders.clone();
        orders.send_replace(Order::NoNewRequests);
        sleep(NOTICED).await;
        tokio::spawn(async move {
            sleep(time).await;
            orders.send_replace(Order::Wire(Wire::Up));
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.set(Wire::Down);
    }
}

fn socket(addr: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a socket");
    socket.bind(addr).expect("the port is free, or ours");
    socket
}

async fn serve(
    keeper: TcpSocket,
    mut listener: TcpListener,
    far: SocketAddr,
    orders: watch::Sender<Order>,
) {
    let near = keeper.local_addr().expect("bound");
    let mut told = orders.subscribe();
    loop {
        accept(&listener, far, &orders, &mut told).await;
        drop(listener);
        if told.wait_for(Order::lets_in).await.is_err() {
            return;
        }
        listener = socket(near).listen(BACKLOG).expect("the port is ours");
    }
}

/// Lets people in until nobody may come in any more.
async fn accept(
    listener: &TcpListener,
    far: SocketAddr,
    orders: &watch::Sender<Order>,
    told: &mut watch::Receiver<Order>,
) {
    loop {
        select! {
            _ = told.wait_for(|order| !order.lets_in()) => return,
            came = listener.accept() => {
                let Ok((near, _)) = came else { continue };
                tokio::spawn(carry(near, far, orders.subscribe()));
            }
        }
    }
}

/// Carries bytes both ways until one side ends it or an order does.
async fn carry(mut near: TcpStream, far: SocketAddr, mut orders: watch::Receiver<Order>) {
    let Ok(mut far) = TcpStream::connect(far).await else {
        return;
    };
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let (mut asked, mut answered) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    let mut waits = false;
    let mut order = *orders.borrow_and_update();
    if !order.lets_in() {
        return;
    }
    loop {
        if order == Order::Wire(Wire::Silent) {
            let _ = orders.changed().await;
            break;
        }
        select! {
            biased;
            changed = orders.changed() => {
                order = *orders.borrow_and_update();
                if order.ends(waits) || changed.is_err() {
                    break;
                }
            }
            read = near.read(&mut asked) => {
                waits = true;
                if !pass(read, &asked, &mut far).await {
                    return;
                }
            }
            read = far.read(&mut answered) => {
                waits = false;
                if !pass(read, &answered, &mut near).await {
                    break;
                }
            }
        }
    }
    // A reset, as when a cable is pulled and put back: nothing half-sent arrives.
    let _ = near.set_zero_linger();
}

async fn pass(read: std::io::Result<usize>, bytes: &[u8], to: &mut TcpStream) -> bool {
    match read {
        Ok(count) if count > 0 => to.write_all(&bytes[..count]).await.is_ok(),
        _ => false,
    }
}
