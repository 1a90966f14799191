#!/usr/bin/env bash
# Prints a version's section of the changelog, without its heading:
#   scripts/release-notes.sh 0.1.0 [CHANGELOG.md]
# Pre-releases, such as 0.2.0-alpha.0.7, use the Unreleased section. If the section is missing or empty, the exit code is 1.
set -euo pipefail
version=$1
file=${2:-$(dirname "$0")/../CHANGELOG.md}
case $version in
    *-*) title=Unreleased ;;
    *) title=$version ;;
esac
# A heading is "## 0.1.0", with or without brackets, a "v" before it or a date after it. Blank lines are printed only between other lines.
awk -v title="$title" '
    /^## / { name = $2; gsub(/[][]/, "", name); sub(/^v/, "", name); inside = name == title; next }
    !inside { next }
    /^[[:space:]]*$/ { blank = found; next }
    { if (blank) print ""; print; blank = 0; found = 1 }
    END { exit !found }
' "$file" || { echo "$file has no text under \"## $title\"." >&2; exit 1; }
