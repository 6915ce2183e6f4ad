//! async-executor: smol's executor, in its form for one thread.

use crate::contender::Work;
use async_executor::LocalExecutor;
use std::cell::Cell;
use std::rc::Rc;

pub fn dispatch() -> Work {
    let (executor, ran) = (LocalExecutor::new(), Rc::new(Cell::new(0)));
    Box::new(move |count| {
        for _ in 0..count {
            let ran = ran.clone();
            executor.spawn(async move { ran.set(ran.get() + 1) }).detach();
        }
        while executor.try_tick() {}
        assert_eq!(ran.take(), count);
    })
}
