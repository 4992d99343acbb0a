//! Signs every line of its input as a webhook's body: to try a receiver, or another implementation.
//!
//! ```console
//! $ echo '{"a":1}' | cargo run -p chatbox-backends --features webhook --example sign_webhook whsec_…
//! dlv_1 <tab> 1700000000 <tab> v1,…
//! ```

use chatbox_backends::webhook::{Signer, WebhookId};
use chatbox_core::id::DeliveryId;
use chatbox_core::secret::Secret;
use std::error::Error;
use std::io::BufRead;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn Error>> {
    let secrets: Vec<Secret> = std::env::args().skip(1).map(Secret::new).collect();
    let signer = Signer::new(&secrets)?;
    for (number, body) in (1..).zip(std::io::stdin().lock().lines()) {
        let id = WebhookId::from(DeliveryId(number));
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        println!("{id}\t{at}\t{}", signer.sign(&id, at, body?.as_bytes()));
    }
    Ok(())
}
