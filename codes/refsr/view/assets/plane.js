// The plane of all layers in the map's square world: view/plane.py says how it lies there.

const TILE = 256;

export class Plane {
  constructor(about) {
    Object.assign(this, about);
    this.world = TILE * 2 ** about.native;
  }

  // A point of the plane as the map takes it.
  lngLat(x, y) {
    const point = new maplibregl.MercatorCoordinate((this.origin + x) / this.world, (this.origin + y) / this.world);
    return point.toLngLat();
  }

  // The point of the plane, [x, y], at a place of the map.
  point(lngLat) {
    const found = maplibregl.MercatorCoordinate.fromLngLat(lngLat);
    return [found.x * this.world - this.origin, found.y * this.world - this.origin];
  }

  // South-west and north-east of a box [left, top, right, bottom].
  bounds([left, top, right, bottom]) {
    return [this.lngLat(left, bottom), this.lngLat(right, top)];
  }

  // Pixels of the screen along one of the plane.
  scale(zoom) {
    return 2 ** (zoom + 1 - this.native);
  }

  zoomFor(scale) {
    return Math.log2(scale) - 1 + this.native;
  }
}
