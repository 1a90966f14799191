#!/usr/bin/env bash
# Builds the release of the current commit into artifacts/release: archives, SBOMs, notes and SHA256SUMS.
#   scripts/release.sh
# Needs the .NET SDK, git, tar and xz. It builds a fresh clone and refuses to run if tracked files have uncommitted changes. Builds of the
# same commit with the same versions of the SDK and xz produce identical files.
set -euo pipefail
cd "$(dirname "$0")/.."
git diff --quiet HEAD || {
    echo "Commit or stash the changes that git status lists: a release contains only what is committed." >&2
    exit 1
}
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 LC_ALL=C TZ=UTC
out=$PWD/artifacts/release
clone=$out/clone
seconds=$(git log -1 --format=%ct)

publish() {
    # Publishes the service, self-contained, for one kind of libtorch (see Directory.Build.props), without debug symbols: the source
    # generator for log messages emits classes in varying order, which changes the symbols but not the code.
    local accelerator=$1 folder=$2
    dotnet publish "$clone/src/YueService" -c Release -r linux-x64 --self-contained -o "$folder" -v quiet \
        -p:Accelerator="$accelerator" -p:ContinuousIntegrationBuild=true -p:DebugType=none \
        -p:PublishDocumentationFiles=false -p:PublishReferencesDocumentationFiles=false
    # The build compresses the studio's files, and their timestamps would otherwise end up in the archive.
    sed -i -E "s/[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT/$(date -d "@$seconds" '+%a, %d %b %Y %T GMT')/g" \
        "$folder/yue.staticwebassets.endpoints.json"
    cp "$clone"/{yue.service,yue-worker@.service} "$folder"
}

write_sbom() {
    # Lists the packages of the last publish in the CycloneDX format. The tool does not see the .NET runtime or the studio's scripts;
    # complete-sbom.cs adds them.
    local folder=$1 file=$2
    dotnet tool run dotnet-CycloneDX -- "$clone/src/YueService/YueService.csproj" -tfm net10.0 -rt linux-x64 -dpr -ns -ilt \
        -sn yue -sv "$version" -F Json -o "$out" -fn "$file" > "$out/sbom.log" || { cat "$out/sbom.log" >&2; return 1; }
    dotnet run scripts/complete-sbom.cs -- "$out/$file" "$folder" "$(date -d "@$seconds" +%FT%TZ)"
    rm "$out/sbom.log"
}

pack() {
    # Packs a folder so that the archive depends only on names and contents. xz splits its input by size, not by the number of cores.
    local folder=$1
    tar --sort=name --format=gnu --mtime="@$seconds" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
        -C "$out" -c "$folder" | XZ_DEFAULTS='' XZ_OPT='' xz -2 -T2 --block-size=64MiB > "$out/$folder.tar.xz"
}

build() {
    # Makes the archive and the SBOM for one kind of libtorch.
    local kind=$1 accelerator=$2 name
    publish "$accelerator" "$out/$kind"
    version=$("$out/$kind/yue" --version | cut -d+ -f1)
    name=yue-$version-linux-x64-$kind
    mv "$out/$kind" "$out/$name"
    write_sbom "$out/$name" "$name.cdx.json"
    pack "$name"
    rm -rf "${out:?}/$name"
}

rm -rf "$out"
mkdir -p "$out"
git clone --quiet --no-hardlinks . "$clone"
dotnet tool restore > /dev/null
build cpu cpu
build cuda installed
scripts/release-notes.sh "$version" "$clone/CHANGELOG.md" > "$out/notes.md"
rm -rf "$clone"
(cd "$out" && sha256sum -- * > SHA256SUMS)
du -h "$out"/*
