//! Links libuv when the machine has its headers; when it has not, its column reads "not built" and nothing fails.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(libuv)");
    println!("cargo::rerun-if-changed=src/peers/libuv.c");
    println!("cargo::rerun-if-changed=build.rs");
    let probe =
        pkg_config::Config::new().atleast_version("1.40").cargo_metadata(false).env_metadata(true).probe("libuv");
    let Ok(library) = probe else { return };
    let compiled = cc::Build::new()
        .file("src/peers/libuv.c")
        .includes(&library.include_paths)
        .opt_level(3)
        .try_compile("fate_bench_libuv");
    if compiled.is_err() {
        return;
    }
    // After the C file, so that a linker that reads from left to right finds what that file asks for.
    for path in &library.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for name in &library.libs {
        println!("cargo::rustc-link-lib={name}");
    }
    println!("cargo::rustc-cfg=libuv");
}
