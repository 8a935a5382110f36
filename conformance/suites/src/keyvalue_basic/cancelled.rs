//! Calls that their client gives up.

use crate::{
    Case, Context, Verdict, case,
    expect::{expect, expect_eq, expect_value},
};
use prism_check::payload::Stamp;
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context as Waking, Poll},
};

/// More wake-ups than a call ever needs.
const MOST_POLLS: usize = 24;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "keyvalue_basic/cancelled_set_is_whole_or_nothing",
            &["GEN-12", "KVB-03"],
            "After a cancelled Set the old value is there in whole, or the new one",
            cancelled_set,
        ),
        case(
            "keyvalue_basic/cancelled_get_leaves_no_answer_behind",
            &["GEN-12"],
            "After a cancelled Get other calls get their own answers",
            cancelled_get,
        ),
    ]
}

async fn cancelled_set(context: Context) -> Verdict {
    let kv = context.keyvalue();
    let value = |seq| Stamp { run: 2, client: 0, seq }.payload(8 * 1024);
    let (old, new) = (value(0), value(1));
    kv.set("other", "other").await?;
    for polls in 0..MOST_POLLS {
        let key = format!("cancelled after {polls} polls");
        kv.set(&key, old.clone()).await?;
        let ended = polled(kv.set(&key, new.clone()), polls).await.transpose()?.is_some();
        expect_value("Get of another key", &kv.get("other").await?, Some(b"other"))?;
        let got = kv.get(&key).await?;
        if ended {
            return expect_value("Get after a Set that was not cancelled", &got, Some(&new));
        }
        expect(
            got.as_ref().is_some_and(|got| *got == old || *got == new),
            format!(
                "after a Set that was cancelled ({polls} polls) neither the old value is there nor the new"
            ),
        )?;
    }
    Ok(())
}

async fn cancelled_get(context: Context) -> Verdict {
    let kv = context.keyvalue();
    kv.set("cancelled", "the answer that nobody wants").await?;
    kv.set("key", "value").await?;
    for polls in 0..MOST_POLLS {
        let ended = polled(kv.get("cancelled"), polls).await.transpose()?.is_some();
        expect_value("Get of another key after a cancelled Get", &kv.get("key").await?, Some(b"value"))?;
        expect_value("Get of a missing key after that", &kv.get("missing").await?, None)?;
        expect_eq("Exists of a missing key after that", kv.exists("missing").await?, false)?;
        if ended {
            break;
        }
    }
    Ok(())
}

/// What a call answers, if it does so before it has been polled more often than this; else it is dropped, which
/// cancels it.
async fn polled<F: Future>(call: F, polls: usize) -> Option<F::Output> {
    struct Polled<'a, F> {
        call: Pin<&'a mut F>,
        left: usize,
    }

    impl<F: Future> Future for Polled<'_, F> {
        type Output = Option<F::Output>;

        fn poll(mut self: Pin<&mut Self>, waking: &mut Waking<'_>) -> Poll<Self::Output> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            self.left -= 1;
            match self.call.as_mut().poll(waking) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                // A call that has used up its polls is given up at once, while its answer is on the way.
                Poll::Pending if self.left == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        }
    }

    let call = pin!(call);
    Polled { call, left: polls }.await
}
