//! The demo: both halves of Watchfire at work over a scripted day, with an inbox that takes their pages for real. Needs nothing else.
//!
//! - [`shop`]: the script: what a small shop's metrics are at any time; pure
//! - [`feed`]: puts them, and Watchfire's own metrics, where rules can ask for them
//! - [`story`]: what has to happen, and when it did; pure
//! - [`watch`]: sees what happens
//! - [`screen`]: tells it in the terminal
//! - [`page`]: shows it to browsers
//! - [`files`]: the files the services read

pub mod feed;
pub mod files;
pub mod page;
pub mod screen;
pub mod shop;
pub mod story;
pub mod watch;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use model::Timestamp;
use tokio::net::TcpListener;

use crate::inbox::Inbox;
use crate::live;
use crate::query;
use crate::query::live_series::LiveSeries;
use files::Files;
use shop::Shop;

/// What surrounds the services: where they get their figures, and where their pages go.
pub struct Surroundings {
    /// The files they read.
    pub files: Files,
    /// Where their pages go.
    pub inbox: Inbox,
    /// What their rules ask.
    pub series: Arc<LiveSeries>,
    /// The address of the query API over these series.
    pub query_address: SocketAddr,
    /// The script.
    pub shop: Shop,
    /// When the story began.
    pub started: Timestamp,
}

impl Surroundings {
    /// Opens the inbox and the query API, each on a port of its own, and writes the files.
    ///
    /// # Errors
    /// No port is free, or there is no place for temporary files.
    pub async fn open() -> anyhow::Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let inbox = Inbox::open(any, any).await.context("cannot open the inbox")?;
        let files = Files::write(inbox.smtp, inbox.http)?;
        let started = live::now();
        let shop = Shop::opened_at(started);
        let series = Arc::new(LiveSeries::default());
        feed::fill_past(&series, &shop);
        let listener = TcpListener::bind(any).await.context("cannot open the query API")?;
        let query_address = listener.local_addr().context("cannot open the query API")?;
        tokio::spawn(serve(listener, query::api::router(series.clone()).merge(query::api::build_info())));
        Ok(Self { files, inbox, series, query_address, shop, started })
    }
}

async fn serve(listener: TcpListener, router: Router) {
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the query API of the demo ended");
    }
}
