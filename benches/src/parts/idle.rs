//! What adapters that have nothing to do occupy: the program with one of them connected, with all four, and with none.
//!
//! It needs a program with every platform, which is another build than everything else is measured with: it is measured only
//! when asked for by name.

use super::Bench;
use anyhow::{Context, Result, bail};
use chatbox_benches::process::{Running, command, configure_whole};
use chatbox_benches::report::{Aim, Figure};
use chatbox_benches::vendors::{PLATFORMS, Vendors, secrets};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

const MB: f64 = 1024.0 * 1024.0;
/// How long a connection may take to stand.
const PATIENCE: Duration = Duration::from_secs(30);
/// What all four together may occupy, in MB over the program without any.
const MOST: f64 = 8.0;

pub(crate) async fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    if bench.only.is_empty() {
        return Ok(Vec::new());
    }
    let settle = Duration::from_secs(if bench.quick { 3 } else { 60 });
    let each = PLATFORMS.map(|platform| vec![platform]);
    let sets: Vec<Vec<&str>> = [vec![], PLATFORMS.to_vec()]
        .into_iter()
        .chain(each)
        .collect();
    let mut sizes: Vec<Vec<f64>> = vec![Vec::new(); sets.len()];
    for _ in 0..if bench.quick { 1 } else { 3 } {
        // Whoever is idle does not mind the others: all stand at once.
        let (mut houses, scratch) = (Vec::new(), bench.scratch()?);
        for (nth, set) in sets.iter().enumerate() {
            let data = scratch.path().join(nth.to_string());
            houses.push(house(&data, set).await?);
        }
        sleep(settle).await;
        for ((running, _), sizes) in houses.iter().zip(&mut sizes) {
            sizes.push(running.resident()? as f64 / MB);
        }
        for (running, _) in houses {
            running.stop().await?;
        }
    }
    let none = sizes[0].clone();
    let over = |sizes: &[f64]| {
        let pairs = sizes.iter().zip(&none);
        pairs.map(|(with, none)| with - none).collect::<Vec<_>>()
    };
    let mut figures = vec![
        Figure::alone("idle none", "MB", &none, Aim::None),
        Figure::alone("idle four", "MB", &over(&sizes[1]), Aim::AtMost(MOST)),
    ];
    for (platform, sizes) in PLATFORMS.iter().zip(&sizes[2..]) {
        let name = format!("idle {platform}");
        figures.push(Figure::alone(name, "MB", &over(sizes), Aim::None));
    }
    Ok(figures)
}

/// A server with these connected, and their platforms.
async fn house(data: &Path, platforms: &[&str]) -> Result<(Running, Vendors)> {
    let vendors = Vendors::start().await?;
    let config = format!("[backend]\nkind = \"none\"\n{}", vendors.channels()?);
    configure_whole(data, &config)?;
    let running = Running::serve(data).await.context(
        "the program has every platform when it is built so: this part builds it, unless --no-build is said",
    )?;
    for platform in platforms {
        let mut words = vec![
            "channels".to_owned(),
            "add".to_owned(),
            (*platform).to_owned(),
        ];
        for (name, secret) in secrets(platform) {
            let path = data.join(name);
            std::fs::write(&path, secret)?;
            words.extend([
                "--secret-file".to_owned(),
                format!("{name}={}", path.display()),
            ]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        command(data, &words, "").await?;
    }
    stand(data, platforms.len()).await?;
    Ok((running, vendors))
}

/// Waits until so many connections stand.
async fn stand(data: &Path, count: usize) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        let list = command(data, &["channels", "list"], "").await?;
        let items = list["items"].as_array().cloned().unwrap_or_default();
        let up = items.iter().filter(|it| {
            let outside = it["platform"]
                .as_str()
                .is_some_and(|it| PLATFORMS.contains(&it));
            outside && it["health"]["state"] == "connected"
        });
        if up.count() == count {
            return Ok(());
        }
        sleep(Duration::from_millis(100)).await;
    }
    bail!("not all of {count} connections stand")
}
