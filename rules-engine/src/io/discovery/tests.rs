use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::net::UdpSocket;

use super::*;

const REFRESH: Duration = Duration::from_secs(30);

/// Record type, and the data of each record.
type Answers = Vec<(u16, Vec<u8>)>;

/// A name server: gives these answers to every question of their type, or fails.
#[derive(Clone)]
struct NameServer {
    address: SocketAddr,
    answers: Arc<Mutex<Option<Answers>>>,
}

impl NameServer {
    async fn start(answers: Answers) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = NameServer { address: socket.local_addr().unwrap(), answers: Arc::new(Mutex::new(Some(answers))) };
        let shared = server.clone();
        tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let answer = shared.answer(&packet[..length]);
                let _ = socket.send_to(&answer, from).await;
            }
        });
        server
    }

    fn answer(&self, question: &[u8]) -> Vec<u8> {
        let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let kind = u16::from_be_bytes([question[end - 4], question[end - 3]]);
        let answers = self.answers.lock().unwrap().clone();
        let code = if answers.is_some() { 0x80 } else { 0x82 };
        let of_kind: Answers = answers.unwrap_or_default().into_iter().filter(|(own, _)| *own == kind).collect();
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, code, 0, 1, 0, of_kind.len() as u8, 0, 0, 0, 0]);
        answer.extend(&question[12..end]);
        for (kind, data) in of_kind {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 0]);
            answer.extend((data.len() as u16).to_be_bytes());
            answer.extend(data);
        }
        answer
    }

    fn resolver(&self) -> TokioResolver {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.address.port();
        let server = NameServerConfig::new(self.address.ip(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        builder.options_mut().cache_size = 0;
        builder.options_mut().attempts = 1;
        builder.build().unwrap()
    }
}

fn srv(port: u16, host: &str) -> (u16, Vec<u8>) {
    let mut data = vec![0, 1, 0, 1];
    data.extend(port.to_be_bytes());
    for part in host.split('.') {
        data.push(part.len() as u8);
        data.extend(part.as_bytes());
    }
    data.push(0);
    (33, data)
}

fn dns(name: &str, records: DnsRecords) -> Discovery {
    Discovery::Dns { names: vec![name.to_owned()], records, refresh: REFRESH }
}

fn addresses(found: &[TargetGroup]) -> Vec<String> {
    let mut addresses: Vec<String> = found.iter().flat_map(|group| group.addresses.clone()).collect();
    addresses.sort();
    addresses
}

#[tokio::test]
async fn finds_what_the_name_server_has_and_keeps_it_when_it_fails() {
    let server = NameServer::start(vec![
        srv(9093, "am-0.example"),
        srv(9094, "am-1.example"),
        (1, vec![10, 0, 0, 7]),
        (28, [vec![0x20, 1, 0x0d, 0xb8], vec![0; 11], vec![1]].concat()),
    ])
    .await;
    let discoveries = vec![
        dns("_web._tcp.am.example", DnsRecords::Srv),
        dns("vm.example", DnsRecords::A(8428)),
        dns("six.example", DnsRecords::Aaaa(80)),
    ];
    let mut finder = Finder::with_resolver(discoveries, server.resolver());
    let found = finder.look().await;
    let all = ["10.0.0.7:8428", "[2001:db8::1]:80", "am-0.example:9093", "am-1.example:9094"];
    assert_eq!(addresses(&found), all);
    let of_srv = found.iter().find(|group| group.addresses == ["am-0.example:9093"]).unwrap();
    assert_eq!(
        of_srv.labels.to_string(),
        r#"{__meta_dns_name="_web._tcp.am.example", __meta_dns_srv_record_port="9093", __meta_dns_srv_record_target="am-0.example."}"#
    );
    *server.answers.lock().unwrap() = None;
    assert_eq!(addresses(&finder.look().await), all, "a name server that fails takes nobody away");
    *server.answers.lock().unwrap() = Some(vec![srv(1, "am-2.example")]);
    assert_eq!(addresses(&finder.look().await), ["am-2.example:1"], "names without records have no targets");
}

#[tokio::test]
async fn files_are_read_again_and_damaged_ones_keep_what_they_had() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.json", r#"[{"targets": ["a:1", "a:2"], "labels": {"dc": "x"}}, {"targets": []}]"#);
    write("b.yml", "- targets: [b:1]\n");
    let globs = ["*.json", "*.yml"].map(|glob| folder.path().join(glob).display().to_string()).to_vec();
    let mut finder = Finder::new(vec![Discovery::File { globs, refresh: REFRESH }]);
    let found = finder.look().await;
    assert_eq!(addresses(&found), ["a:1", "a:2", "b:1"]);
    assert_eq!(found[0].labels.get("dc"), Some("x"));
    assert!(found[0].labels.get_or_empty("__meta_filepath").ends_with("a.json"));
    write("a.json", "[{\"targets\": [\"a:3\"");
    write("b.yml", "- targets: [b:2]\n- {target: [c]}\n");
    assert_eq!(addresses(&finder.look().await), ["a:1", "a:2", "b:1"]);
    write("a.json", "[{\"targets\": [\"a:3\"]}]");
    std::fs::remove_file(folder.path().join("b.yml")).unwrap();
    assert_eq!(addresses(&finder.look().await), ["a:3"], "a file that is gone has no targets");
    write("a.json", "");
    assert!(finder.look().await.is_empty());
    assert_eq!(finder.refresh(), REFRESH);
}
