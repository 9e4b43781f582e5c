#!/usr/bin/env bash
# The Containerfile's images are built of a minimal Debian 12, and do what docs/containers.md says: images/containers.sh.
# usage: images.sh BUILD
set -u
BUILD=$(realpath "${1:?usage: images.sh BUILD}")
# a machine that packages.sh boots would starve beside this
[ -n "${IMAGES_ALONE-}" ] || IMAGES_ALONE=1 exec flock -o "$BUILD/images.lock" "$0" "$@"
cd "$(dirname "$0")/../.." || exit 3
. tests/tap.sh
. tests/packages/root.sh
TAP_PREFIX="images: "
[ "$(id -u)" = 0 ] || { skip everything "needs root to build and run images"; finish; }
for needed in podman runc mmdebstrap; do
	command -v "$needed" >/dev/null || { skip everything "no $needed: \`make check-packages\` installs it"; finish; }
done
MSB_IMAGES=$(mktemp -d /tmp/msb-images.XXXXXX) || exit 3
export MSB_IMAGES
trap 'umount -l "$MSB_IMAGES/storage/overlay" 2>/dev/null; rm -rf --one-file-system "$MSB_IMAGES"' EXIT
trap 'exit 130' INT TERM

# images_podman ARG…: with a storage of the test's own
images_podman() {
	podman --root "$MSB_IMAGES/storage" --runroot "$MSB_IMAGES/run" --tmpdir "$MSB_IMAGES/tmp" --storage-driver overlay \
		--cgroup-manager cgroupfs --runtime runc --events-backend file "$@"
}
export -f images_podman

images_build() {
	images_podman build --target "$1" -t "msb-$1" --jobs 2 --isolation chroot --network host --ulimit nofile=1024:1024 \
		--ulimit nproc=1024:1024 --build-arg BASE=localhost/msb-base .
}
try "there is a minimal Debian 12" root_bootstrap "$MSB_IMAGES/base.tar"
try "it is a base of images" images_podman import "$MSB_IMAGES/base.tar" localhost/msb-base
rm -f "$MSB_IMAGES/base.tar"
try "the image of msb-policyc is built" images_build policyc
try "the image of msb-run is built" images_build run
if [ "$failures" -eq 0 ]; then
	tests/packages/images/containers.sh "$BUILD" || failures=1
fi
finish
