//! A proxy before a real server that does to connections what networks, load balancers and broken servers do; what it does
//! can be changed while it runs.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::conditions::nothing_for;
use crate::web_settings::Authority;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing: what comes is passed on.
    None,
    // Connections
    Refused,
    SynUnanswered,
    ClosedAtOnce,
    ResetAtOnce,
    ResetInRequest,
    ResetInAnswer,
    /// Accepted, and nothing more is heard.
    Silent,
    // TLS, from the first byte or after STARTTLS
    TlsStalls,
    SelfSigned,
    WrongName,
    Expired,
    // Answers
    /// One byte a second.
    HeadDrips,
    BodyDrips,
    RedirectsToItself,
    RedirectsInCircles,
    Garbage,
    ChunksTruncated,
    LengthWrong,
    HeadEndless,
    /// A refusal whose explanation never ends.
    BodyEndless,
    /// The same, as a few bytes that inflate to many.
    BodyInflates,
    /// Without a length, and the connection stays open after it.
    ClosesLate,
    /// A line without end, before anything was said.
    LineEndless,
}

/// What clients speak.
#[derive(Clone)]
pub enum Front {
    Http,
    Https(Arc<Certificates>),
    /// SMTP, with STARTTLS.
    Mail(Arc<Certificates>),
    /// SMTP within TLS from the first byte.
    MailTls(Arc<Certificates>),
}

/// What servers show.
pub struct Certificates {
    pub authority: Authority,
    /// The good one, as PEM, with its key.
    pub good: (String, String),
    acceptors: [(Fault, TlsAcceptor); 4],
}

/// A running proxy.
pub struct FaultProxy {
    pub port: u16,
    fault: watch::Sender<Fault>,
    accepting: tokio::task::JoinHandle<()>,
}

/// What drips does so once in so long.
const DRIP: Duration = Duration::from_secs(1);

impl Certificates {
    /// For this host.
    pub fn for_host(host: &str) -> Arc<Self> {
        watchfire::install_crypto();
        let authority = Authority::new();
        let good = authority.sign(host);
        let mut old = CertificateParams::new(vec![host.to_owned()]).unwrap();
        (old.not_before, old.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec![host.to_owned()]).unwrap().self_signed(&own_key).unwrap();
        let shown = [
            (Fault::None, good.clone()),
            (Fault::SelfSigned, (own.pem(), own_key.serialize_pem())),
            (Fault::WrongName, authority.sign("elsewhere.example")),
            (Fault::Expired, authority.sign_with(old)),
        ];
        Arc::new(Self { good, acceptors: shown.map(|(fault, pair)| (fault, acceptor(&pair))), authority })
    }

    /// The acceptor with the certificate of this fault; the good one, where that is not about certificates.
    fn acceptor(&self, fault: Fault) -> &TlsAcceptor {
        let found = self.acceptors.iter().find(|(of, _)| *of == fault);
        &found.unwrap_or(&self.acceptors[0]).1
    }
}

fn acceptor((certificate, key): &(String, String)) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

impl FaultProxy {
    /// On a port of its own, before `upstream`.
    pub async fn open(front: Front, upstream: SocketAddr, fault: Fault) -> Self {
        let socket = bound(0);
        let port = socket.local_addr().unwrap().port();
        let (fault, faults) = watch::channel(fault);
        let accepting = tokio::spawn(accept(socket, Way { front, upstream, port }, faults));
        Self { port, fault, accepting }
    }

    /// From now on this goes wrong; connections there are end.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A port that is taken: whoever connects is refused.
fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).unwrap();
    socket
}

#[derive(Clone)]
struct Way {
    front: Front,
    upstream: SocketAddr,
    port: u16,
}

async fn accept(mut socket: TcpSocket, way: Way, mut faults: watch::Receiver<Fault>) {
    loop {
        let fault = *faults.borrow_and_update();
        // Ends with this fault.
        let mut connections = JoinSet::new();
        let changed = match fault {
            Fault::Refused => {
                let changed = faults.changed().await;
                drop(socket);
                changed
            }
            Fault::SynUnanswered => {
                let _listener = socket.listen(1).unwrap();
                // Who is never accepted fills the queue; whoever comes then is not even answered.
                for _ in 0..4 {
                    connections.spawn(hold_a_place(way.port));
                }
                faults.changed().await
            }
            _ => {
                let listener = socket.listen(1024).unwrap();
                loop {
                    tokio::select! {
                        changed = faults.changed() => break changed,
                        stream = listener.accept() => {
                            let way = way.clone();
                            // Whether the other side stays until the end is its affair.
                            connections.spawn(async move { drop(way.serve(stream.unwrap().0, fault).await) });
                        }
                    }
                }
            }
        };
        if changed.is_err() {
            return;
        }
        connections.shutdown().await;
        socket = bound(way.port);
    }
}

async fn hold_a_place(port: u16) {
    let _stream = TcpStream::connect(("127.0.0.1", port)).await;
    std::future::pending().await
}

impl Way {
    async fn serve(&self, mut stream: TcpStream, fault: Fault) -> std::io::Result<()> {
        if matches!(fault, Fault::ResetAtOnce | Fault::ResetInRequest | Fault::ResetInAnswer) {
            stream.set_zero_linger()?;
        }
        match (fault, &self.front) {
            (Fault::ClosedAtOnce | Fault::ResetAtOnce, _) => Ok(()),
            (Fault::ResetInRequest, front) => {
                if let Front::Mail(_) = front {
                    stream.write_all(b"220 mail.example ESMTP\r\n").await?;
                }
                stream.read_u8().await.map(drop)
            }
            (Fault::Silent, _) => swallow(&mut stream).await,
            (Fault::TlsStalls, Front::Http | Front::Https(_) | Front::MailTls(_)) => swallow(&mut stream).await,
            (_, Front::Http) => self.talk(stream, fault).await,
            (_, Front::Https(certificates)) => {
                self.talk(certificates.acceptor(fault).accept(stream).await?, fault).await
            }
            (_, Front::Mail(certificates)) => match fault {
                Fault::ResetInAnswer | Fault::TlsStalls | Fault::SelfSigned | Fault::WrongName | Fault::Expired => {
                    secure_mail(stream, fault, certificates).await
                }
                _ => self.mail(stream, fault).await,
            },
            (_, Front::MailTls(certificates)) => {
                self.mail(certificates.acceptor(fault).accept(stream).await?, fault).await
            }
        }
    }

    async fn talk(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, fault: Fault) -> std::io::Result<()> {
        if fault == Fault::None {
            let mut upstream = TcpStream::connect(self.upstream).await?;
            copy_bidirectional(&mut stream, &mut upstream).await?;
            return Ok(());
        }
        // A connection serves requests as long as its answers have an end, redirects above all.
        while let Some(path) = request(&mut stream).await? {
            answer(&mut stream, fault, &path).await?;
        }
        Ok(())
    }

    async fn mail(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, fault: Fault) -> std::io::Result<()> {
        match fault {
            Fault::None => {
                let mut upstream = TcpStream::connect(self.upstream).await?;
                copy_bidirectional(&mut stream, &mut upstream).await.map(drop)
            }
            Fault::HeadDrips => drip(&mut stream, b"220 mail.example ESMTP at your service\r\n").await,
            Fault::Garbage => stream.write_all(b"\x00\xff\xfeHTTP/1.1 400 Bad Request\r\n\r\n").await,
            Fault::LineEndless => endless(&mut stream, &[b'2'; 1 << 16]).await,
            Fault::HeadEndless => endless(&mut stream, &b"220-welcome to mail.example\r\n".repeat(1000)).await,
            Fault::ResetInAnswer => {
                stream.write_all(b"220-mail").await?;
                stream.flush().await
            }
            other => unreachable!("{other:?} is nothing that a mail server says"),
        }
    }
}

/// A conversation that goes wrong at STARTTLS.
async fn secure_mail(mut stream: TcpStream, fault: Fault, certificates: &Certificates) -> std::io::Result<()> {
    stream.write_all(b"220 mail.example ESMTP\r\n").await?;
    line(&mut stream).await?;
    stream.write_all(b"250-mail.example\r\n250 STARTTLS\r\n").await?;
    line(&mut stream).await?;
    if fault == Fault::ResetInAnswer {
        return stream.write_all(b"220-go").await;
    }
    stream.write_all(b"220 go ahead\r\n").await?;
    if fault == Fault::TlsStalls {
        return swallow(&mut stream).await;
    }
    certificates.acceptor(fault).accept(stream).await.map(drop)
}

/// Takes everything and says nothing.
async fn swallow(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut taken = [0; 1 << 12];
    while stream.read(&mut taken).await? > 0 {}
    std::future::pending().await
}

async fn line(stream: &mut TcpStream) -> std::io::Result<()> {
    while stream.read_u8().await? != b'\n' {}
    Ok(())
}

async fn drip(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        nothing_for(DRIP).await;
    }
    Ok(())
}

async fn endless(stream: &mut (impl AsyncWrite + Unpin), again: &[u8]) -> std::io::Result<()> {
    loop {
        stream.write_all(again).await?;
    }
}

/// Reads a request to its end; its path. `None` if there is no more.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut request = Vec::new();
    let head_end = loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = request.windows(4).position(|part| part == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&request[..head_end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    while request.len() < head_end + length {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    Ok(head.split(' ').nth(1).map(str::to_owned))
}

/// 64 MiB of blanks, compressed a thousandfold.
static INFLATING: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..64).for_each(|_| gzip.write_all(&[b' '; 1 << 20]).unwrap());
    gzip.finish().unwrap()
});

async fn answer(stream: &mut (impl AsyncWrite + Unpin), fault: Fault, path: &str) -> std::io::Result<()> {
    const SORRY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n";
    match fault {
        Fault::ResetInAnswer => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"st").await?;
            stream.flush().await?;
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        Fault::HeadDrips => drip(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await?,
        Fault::BodyDrips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await?;
            drip(stream, &[b' '; 1000]).await?;
        }
        Fault::RedirectsToItself => {
            return redirect(stream, path).await;
        }
        Fault::RedirectsInCircles => {
            // Under its own path still: where the fault ends on the way round, it is seen who has arrived.
            let there = path.strip_suffix("/there").map_or_else(|| format!("{path}/there"), str::to_owned);
            return redirect(stream, &there).await;
        }
        Fault::Garbage => stream.write_all(b"\x15\x03\x01\x00\x02\x02\x00 220 nobody speaks HTTP here\r\n\r\n").await?,
        Fault::ChunksTruncated => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"status\":").await?;
        }
        Fault::LengthWrong => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}").await?,
        Fault::HeadEndless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            endless(stream, &b"X-Header: value\r\n".repeat(1000)).await?;
        }
        Fault::BodyEndless => {
            stream.write_all(&[SORRY, b"\r\n"].concat()).await?;
            endless(stream, &[b' '; 1 << 16]).await?;
        }
        Fault::BodyInflates => {
            let head = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", INFLATING.len());
            stream.write_all(&[SORRY, head.as_bytes(), INFLATING.as_slice()].concat()).await?;
        }
        Fault::ClosesLate => {
            stream.write_all(&[SORRY, b"\r\nsorry"].concat()).await?;
            stream.flush().await?;
            std::future::pending::<()>().await;
        }
        other => unreachable!("{other:?} is no answer"),
    }
    stream.flush().await?;
    stream.shutdown().await
}

async fn redirect(stream: &mut (impl AsyncWrite + Unpin), to: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await
}

/// Connections that are refused and those that are not answered are what they are called.
#[tokio::test]
async fn a_fault_can_be_changed_while_the_proxy_runs() {
    let upstream = crate::sink::Sink::open().await;
    let proxy = FaultProxy::open(Front::Http, upstream.address, Fault::Refused).await;
    let (client, url) = (crate::peers::client(), format!("http://127.0.0.1:{}/", proxy.port));
    let asked = || async { client.get(&url).timeout(Duration::from_millis(500)).send().await };
    assert!(asked().await.unwrap_err().is_connect());
    let switched = |what: &'static str, is_so: fn(Result<reqwest::Response, reqwest::Error>) -> bool| async move {
        crate::conditions::eventually(what, Duration::from_secs(30), || async { is_so(asked().await).then_some(()) })
            .await
    };
    proxy.set(Fault::None);
    switched("it answers", |answer| answer.is_ok_and(|answer| answer.status().is_success())).await;
    proxy.set(Fault::SynUnanswered);
    switched("nobody answers", |answer| answer.is_err_and(|error| error.is_timeout())).await;
    proxy.set(Fault::BodyInflates);
    switched("it is sorry", |answer| answer.is_ok_and(|answer| answer.status() == 503)).await;
}
