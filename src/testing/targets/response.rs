//! Any bytes as an answer of the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::inert::assert_printable;
use crate::cloud::client::{Client, envelope};
use crate::cloud::{
    CloudError, CloudRead as _, CloudWrite as _, ErrorKind, ImageFilter, Request, Transport, TransportError,
};
use crate::model::{Attributes, ImageId, Region, Tags};

/// Answers that are the same before the connection breaks: pages of a listing that never ends.
const ANSWERS: usize = 3;

/// Answers every call with the same bytes.
struct Echo {
    bytes: Vec<u8>,
    sent: AtomicUsize,
}

#[async_trait]
impl Transport for Echo {
    async fn send(&self, _: Request) -> Result<Vec<u8>, TransportError> {
        if self.sent.fetch_add(1, Ordering::Relaxed) < ANSWERS {
            Ok(self.bytes.clone())
        } else {
            Err(TransportError::NotSent("enough".to_owned()))
        }
    }
}

/// A read has a result or a reason. A write succeeds only if the answer is a valid envelope without an error, and a
/// malformed answer to a write leaves its outcome unknown.
pub(super) fn response(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(calls(bytes));
}

async fn calls(bytes: &[u8]) {
    let client = || Client::new(Arc::new(Echo { bytes: bytes.to_vec(), sent: AtomicUsize::new(0) }));
    let status = envelope::status(bytes);
    let succeeded = status.as_ref().is_ok_and(|status| status.refusal.is_none());
    if let Ok(status) = &status {
        assert!(status.refusal.as_ref().is_none_or(|refusal| !refusal.code.is_empty()));
    }
    let (region, to): (Region, Region) = (parsed("ap-jakarta"), parsed("ap-tokyo"));
    let image: ImageId = parsed("img-6pb6lrmy");
    let (ids, with) = ([image.clone()], std::iter::once(parsed("200000000001")).collect());

    let images = client().images(&region, &ImageFilter::default()).await;
    if let Ok(images) = &images {
        let ids: std::collections::BTreeSet<_> = images.iter().map(|image| &image.id).collect();
        assert_eq!(ids.len(), images.len(), "an image is listed twice");
    }
    let read = [
        failure(images),
        failure(client().images_by_id(&region, &ids).await),
        failure(client().shares(&region, &image).await),
        failure(client().tags(&region, &ids).await),
        failure(client().image_limit(&region).await),
        failure(client().import_systems(&region).await),
        failure(client().regions().await),
        failure(client().caller().await),
    ];
    assert!(succeeded || read.iter().all(Option::is_some), "a read of a refusal succeeds");

    let set = Attributes { description: Some("x".into()), ..Attributes::default() };
    let tags: Tags = [("team".into(), "x".into())].into();
    let account = parsed("100000000001");
    let written = [
        failure(client().copy_image(&region, &image, &to, "web").await),
        failure(client().modify_image(&region, &image, &set).await),
        failure(client().tag_image(account, &region, &image, &tags, &[]).await),
        failure(client().share_image(&region, &image, &with).await),
        failure(client().unshare_image(&region, &image, &with).await),
        failure(client().delete_image(&region, &image, true).await),
    ];
    for error in &written {
        match (&status, error) {
            (Ok(status), None) => assert!(status.refusal.is_none(), "a refused write succeeds"),
            (Ok(status), Some(error)) => {
                let refusal = status.refusal.as_ref().map(|refusal| &refusal.code);
                assert!(refusal.is_none() || error.code.as_ref() == refusal, "{error:?}");
            }
            (Err(_), None) => panic!("a write with a malformed answer succeeds"),
            (Err(_), Some(error)) => assert_eq!(error.kind, ErrorKind::OutcomeUnknown, "{error:?}"),
        }
    }
    for error in read.into_iter().chain(written).flatten() {
        assert_printable(&error.to_string());
    }
}

fn failure<T>(result: Result<T, CloudError>) -> Option<CloudError> {
    result.err()
}

fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse().ok().expect("a valid constant")
}
