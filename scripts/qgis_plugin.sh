#!/bin/sh
# Packs the QGIS plugin: sh scripts/qgis_plugin.sh [FILE.zip]. The default is dist/refsr_qgis.zip. In QGIS: Plugins, Manage
# and Install Plugins, Install from ZIP (docs/qgis.md).
set -eu
cd "$(dirname "$0")/.."
zip=${1:-dist/refsr_qgis.zip}
mkdir -p "$(dirname "$zip")"
zip=$(cd "$(dirname "$zip")" && pwd)/$(basename "$zip")
rm -f "$zip"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/refsr_qgis"
cp integrations/qgis/refsr_qgis/*.py integrations/qgis/refsr_qgis/metadata.txt LICENSE "$folder/refsr_qgis"
(cd "$folder" && "${PYTHON:-python3}" -m zipfile -c "$zip" refsr_qgis)
echo "$zip"
