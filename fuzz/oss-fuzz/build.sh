#!/bin/bash
# Builds the fuzz targets: for OSS-Fuzz, for ClusterFuzzLite and for ci/fuzz, which say in the
# environment how (https://google.github.io/oss-fuzz/getting-started/new-project-guide/):
#
#   CC CFLAGS CXX CXXFLAGS   compiler, with the engine's instrumentation and the sanitizers
#   LIB_FUZZING_ENGINE       what a target is linked with
#   FUZZING_ENGINE           libfuzzer, afl, ...: which mutators to build
#   OUT WORK                 where results and intermediate files go
#
# usage, in the project's root: fuzz/oss-fuzz/build.sh [TARGET...]        (default: all)
set -eu

: "${CC:?}" "${CXX:?}" "${OUT:?}" "${LIB_FUZZING_ENGINE:?}"
WORK=${WORK:-$(mktemp -d)}
engine=${FUZZING_ENGINE:-libfuzzer}
flags="-std=c17 -D_GNU_SOURCE -Isrc/core -Isrc/io -Isrc/ftun -Isrc/replay -Ifuzz ${CFLAGS:-}"
mkdir -p "$OUT" "$WORK"

targets=$*
if [ -z "$targets" ]; then
    targets=$(ls fuzz/fuzz_*.c | sed 's,.*/fuzz_,,; s,\.c$,,' | grep -vx negative)
fi

# What inputs of a target look like, for the mutator; nothing: bytes.
shape() {
    case $1 in
        packet | negative) echo packet ;;
        reassembly | endpoint | replay) echo stream ;;
    esac
}

# What a target needs beside ftun. The machine that runs it may not have them: they are put beside
# it, and found there.
libraries() {
    case $1 in
        capture) echo "-lpcap" ;;
        replay) echo "-lpcap -ljansson" ;;
    esac
}

copy_libraries() {
    mkdir -p "$OUT/lib"
    ldd "$1" | awk -v own="$OUT/lib/" '$3 ~ /^\// && index($3, own) != 1 { print $3 }' |
        grep -vE '/(libc|libm|libgcc_s|libstdc\+\+|libresolv)\.so' | xargs -I{} cp {} "$OUT/lib/"
}

# Sources as arguments, objects into $WORK; as many at a time as there are processors.
compile() {
    printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -ceu '
        object=$(echo "$1" | tr / _)
        shift
        exec "$@" -o "$0/${object%.c}.o"' "$WORK" {} $CC $flags -c {}
}

library="src/core/*.c $(ls src/replay/*.c | grep -v /main.c) src/io/error.c src/io/remotes.c src/io/resolver.c src/io/sockaddr.c src/ftun/options.c src/ftun/choices.c src/ftun/address_text.c
    src/io/ancillary.c src/io/virtio_header.c fuzz/checked_endpoint.c fuzz/wire.c"
mutator="fuzz/mutator/repair.c fuzz/mutator/packet.c fuzz/mutator/stream.c"

rm -f "$WORK"/*.o "$WORK/libftun.a"
# shellcheck disable=SC2046,SC2086 # lists of words
compile $library $mutator fuzz/mutator/libfuzzer.c $(printf 'fuzz/fuzz_%s.c ' $targets)
ar rcs "$WORK/libftun.a" "$WORK"/src_*.o "$WORK"/fuzz_wire.o "$WORK"/fuzz_checked_endpoint.o

for target in $targets; do
    mutate=
    if [ "$engine" = libfuzzer ] && [ -n "$(shape "$target")" ]; then
        mutate="$WORK/fuzz_mutator_libfuzzer.o $WORK/fuzz_mutator_repair.o
            $WORK/fuzz_mutator_$(shape "$target").o"
    fi
    # shellcheck disable=SC2086
    $CXX ${CXXFLAGS:-} "$WORK/fuzz_fuzz_$target.o" $mutate "$WORK/libftun.a" \
        $LIB_FUZZING_ENGINE -o "$OUT/fuzz_$target" \
        $(libraries "$target") -Wl,--disable-new-dtags,-rpath,'$ORIGIN/lib'
    [ -z "$(libraries "$target")" ] || copy_libraries "$OUT/fuzz_$target"
    if [ -d "corpus/$target" ] && command -v zip >/dev/null; then
        rm -f "$OUT/fuzz_${target}_seed_corpus.zip"
        zip -qj "$OUT/fuzz_${target}_seed_corpus.zip" "corpus/$target"/*
    fi
done

# AFL++ loads its mutators: AFL_CUSTOM_MUTATOR_LIBRARY.
if [ "$engine" = afl ]; then
    for shape in packet stream; do
        clang -std=c17 -O2 -fPIC -shared -Isrc/core -Ifuzz -o "$OUT/mutator_$shape.so" \
            fuzz/mutator/afl.c fuzz/mutator/repair.c "fuzz/mutator/$shape.c" \
            src/core/ip.c src/core/checksum.c
    done
    for target in $targets; do
        [ -z "$(shape "$target")" ] ||
            ln -sf "mutator_$(shape "$target").so" "$OUT/fuzz_$target.mutator"
    done
fi
