//! The metrics over HTTP, for clients that may be slow or hostile.
//!
//! A connection carries one request, and lives for some seconds. If there are too many, the oldest
//! one is closed: a client that does not stall is served within milliseconds.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::encode::Syntax;

/// Connections at a time.
const MOST: usize = 64;
/// For the head of a request.
const HEAD: Duration = Duration::from_secs(5);
/// For a connection.
const WHOLE: Duration = Duration::from_secs(30);
/// Bytes of the head of a request. hyper takes no smaller limit.
const BUFFER: usize = 8192;
/// After a connection could not be accepted, for example for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Who has the text.
pub(crate) trait Texts: Send + Sync + 'static {
    fn text(&self, syntax: Syntax) -> Bytes;
}

/// Serves until the process ends. Fails only if it cannot begin.
pub(crate) fn serve(listener: TcpListener, texts: Arc<impl Texts>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut open: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                sleep(PAUSE).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            while open.len() >= MOST {
                open.pop_front().iter().for_each(AbortHandle::abort);
            }
            let texts = Arc::clone(&texts);
            let answer = service_fn(move |request| {
                let answered = answer(&request, &*texts);
                async { Ok::<_, Infallible>(answered) }
            });
            let mut http = http1::Builder::new();
            http.keep_alive(false).max_buf_size(BUFFER);
            http.timer(TokioTimer::new()).header_read_timeout(HEAD);
            let connection = http.serve_connection(TokioIo::new(stream), answer);
            open.push_back(tokio::spawn(timeout(WHOLE, connection)).abort_handle());
        }
    })
}

fn answer<B>(request: &Request<B>, texts: &impl Texts) -> Response<Full<Bytes>> {
    let plain = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, plain, "use GET\n".into());
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match request.uri().path() {
        "/metrics" => {
            let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
            let syntax = accepted(accept.unwrap_or_default());
            response(StatusCode::OK, syntax.content_type(), texts.text(syntax))
        }
        "/" => response(StatusCode::OK, plain, "ringbuf export: see /metrics\n".into()),
        _ => response(StatusCode::NOT_FOUND, plain, "not found: see /metrics\n".into()),
    }
}

fn response(status: StatusCode, kind: &'static str, text: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// OpenMetrics, if the client names it and does not like plain text more.
fn accepted(accept: &str) -> Syntax {
    let quality = |kind: &str| {
        let ranges = accept.split(',').map(|range| range.split(';').map(str::trim));
        let named = ranges.filter_map(|mut range| {
            range.next().filter(|name| name.eq_ignore_ascii_case(kind))?;
            let quality = range.find_map(|parameter| parameter.strip_prefix("q="));
            Some(quality.map_or(1.0, |quality| quality.parse().unwrap_or(0.0)))
        });
        named.fold(0.0_f64, f64::max)
    };
    let open = quality("application/openmetrics-text");
    if open > 0.0 && open >= quality("text/plain") {
        Syntax::OpenMetrics
    } else {
        Syntax::Prometheus
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::thread;

    use super::*;

    struct Made;

    impl Texts for Made {
        fn text(&self, syntax: Syntax) -> Bytes {
            format!("{syntax:?}").into()
        }
    }

    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(|| serve(listener, Arc::new(Made)));
        address
    }

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn the_format_is_what_the_client_accepts() {
        // Prometheus 2.42 and 3, curl, a browser.
        let cases = [
            ("", Syntax::Prometheus),
            ("*/*", Syntax::Prometheus),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Syntax::Prometheus),
            (
                "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,\
                 */*;q=0.1",
                Syntax::OpenMetrics,
            ),
            ("text/plain; q=0.9, Application/OpenMetrics-Text; q=0.1", Syntax::Prometheus),
            ("application/openmetrics-text; q=0", Syntax::Prometheus),
            ("application/openmetrics-text;q=nonsense", Syntax::Prometheus),
            ("application/openmetrics-text", Syntax::OpenMetrics),
        ];
        for (accept, syntax) in cases {
            assert_eq!(accepted(accept), syntax, "{accept}");
        }
    }

    #[test]
    fn requests_are_answered() {
        let address = server();
        let got = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
        assert!(
            got.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{got}"
        );
        assert!(got.ends_with("\r\n\r\nPrometheus"), "{got}");
        let open = "Accept: application/openmetrics-text; version=1.0.0";
        let got = ask(address, &format!("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n{open}\r\n\r\n"));
        assert!(got.contains("content-type: application/openmetrics-text; version=1.0.0"), "{got}");
        assert!(got.ends_with("OpenMetrics"), "{got}");
        let head = ask(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        for (request, status) in [
            ("GET /other HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "405 Method"),
            ("nonsense\r\n\r\n", "400 Bad Request"),
        ] {
            let got = ask(address, request);
            assert!(got.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {got}");
        }
        let large = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(3 * BUFFER));
        let mut stream = TcpStream::connect(address).unwrap();
        // It may close the connection before all is sent.
        let _closed = stream.write_all(large.as_bytes());
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }

    /// No time passes that a test could see: those that stall are still there.
    #[test]
    fn clients_that_stall_do_not_stop_the_others() {
        let address = server();
        let stalls: Vec<_> = (0..3 * MOST)
            .map(|at| {
                let mut stream = TcpStream::connect(address).unwrap();
                // Some say nothing, others begin.
                if at % 2 == 0 {
                    let _closed = stream.write_all(b"GET /metrics HTTP/1.1\r\nHo");
                }
                stream
            })
            .collect();
        let got = ask(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(got.ends_with("Prometheus"), "{got}");
        drop(stalls);
    }
}
