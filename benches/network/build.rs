//! Links libuv when the machine has its headers; when it has not, its column is missing and nothing fails.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(libuv)");
    println!("cargo::rerun-if-changed=src/peers/libuv.c");
    println!("cargo::rerun-if-changed=build.rs");
    // Only looked for: its own linker lines would come before the C file, and some linkers read from left to right.
    let found = pkg_config::Config::new().atleast_version("1.40").cargo_metadata(false).probe("libuv");
    let Ok(library) = found else { return };
    let mut echo = cc::Build::new();
    echo.file("src/peers/libuv.c").includes(&library.include_paths).opt_level(3);
    if echo.try_compile("fate_bench_network_libuv").is_ok() {
        library.link_paths.iter().for_each(|path| println!("cargo::rustc-link-search=native={}", path.display()));
        library.libs.iter().for_each(|name| println!("cargo::rustc-link-lib={name}"));
        println!("cargo::rustc-cfg=libuv");
    }
}
