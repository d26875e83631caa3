// Two maps on one plane, with a divider between them (MapLibre's compare control) or side by side.

import { at } from "./page.js";

const CLOSEST = 32; // screen pixels along a pixel of the plane
const ROOM = 0.6; // of the scene, around it

export class Stage {
  constructor(plane, box, view) {
    this.plane = plane;
    this.box = box;
    this.view = view;
    this.maps = ["map-a", "map-b"].map((id) => this.map(id));
    this.compare = null;
    this.maps[0].on("move", () => this.moved());
    this.maps[1].on("move", () => this.moved());
    new ResizeObserver(() => this.arrange()).observe(at("maps"));
  }

  map(id) {
    const [left, top, right, bottom] = this.box;
    const room = ROOM * Math.max(right - left, bottom - top) + 64;
    const map = new maplibregl.Map({
      container: id,
      style: { version: 8, sources: {}, layers: [] },
      attributionControl: false,
      renderWorldCopies: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      keyboard: false,
      fadeDuration: 0,
      maxPitch: 0,
      maxZoom: Math.min(24, this.plane.zoomFor(CLOSEST)),
      bounds: this.plane.bounds(this.box),
      fitBoundsOptions: { padding: 12 },
      maxBounds: this.plane.bounds([left - room, top - room, right + room, bottom + room]),
    });
    map.touchZoomRotate.disableRotation();
    map.getCanvas().setAttribute("aria-label", id === "map-a" ? "Left map" : "Right map");
    return map;
  }

  async ready() {
    await Promise.all(this.maps.map((map) => (map.loaded() ? null : new Promise((done) => map.once("load", done)))));
    if (this.view.x !== null && this.view.scale !== null) {
      this.maps[0].jumpTo({ center: this.plane.lngLat(this.view.x, this.view.y), zoom: this.plane.zoomFor(this.view.scale) });
    }
    this.arrange();
  }

  // The maps as the mode says; called again when the window changes.
  arrange() {
    const side = this.view.mode === "side";
    at("maps").classList.toggle("side", side);
    this.release();
    this.maps.forEach((map) => map.resize());
    if (side) {
      this.unlink = linked(...this.maps);
    } else {
      this.compare = new maplibregl.Compare(...this.maps, "#maps");
      this.divide(this.view.divider);
      this.compare.on("slideend", ({ currentPosition }) => this.divided(currentPosition));
      this.describeDivider();
    }
    this.maps[1].jumpTo({ center: this.maps[0].getCenter(), zoom: this.maps[0].getZoom() });
  }

  release() {
    this.compare?.remove();
    this.compare = null;
    this.unlink?.();
    this.unlink = null;
  }

  get swiper() {
    return document.querySelector(".compare-swiper-vertical");
  }

  describeDivider() {
    const about = { role: "slider", tabindex: 0, "aria-label": "Divider between left and right", "aria-valuemin": 0,
      "aria-valuemax": 100, "aria-orientation": "horizontal" };
    for (const [name, value] of Object.entries(about)) this.swiper.setAttribute(name, value);
    this.swiper.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, Home: -1, End: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.moveDivider(step);
    });
    this.announceDivider();
  }

  divide(share) {
    this.compare?.setSlider(share * at("maps").clientWidth);
  }

  divided(position) {
    this.view.set({ divider: Math.min(1, Math.max(0, position / at("maps").clientWidth)) });
    this.announceDivider();
  }

  moveDivider(step) {
    if (!this.compare) return;
    this.view.set({ divider: Math.min(1, Math.max(0, this.view.divider + step)) });
    this.divide(this.view.divider);
    this.announceDivider();
  }

  announceDivider() {
    this.swiper?.setAttribute("aria-valuenow", Math.round(100 * this.view.divider));
  }

  moved() {
    const [x, y] = this.middle();
    this.view.set({ x, y, scale: this.plane.scale(this.maps[0].getZoom()) });
  }

  middle() {
    return this.plane.point(this.maps[0].getCenter());
  }

  // The part of the plane in view: left, top, right, bottom.
  inView() {
    const bounds = this.maps[0].getBounds();
    return [...this.plane.point(bounds.getNorthWest()), ...this.plane.point(bounds.getSouthEast())];
  }

  fit(box = this.box) {
    this.maps[0].fitBounds(this.plane.bounds(box), { padding: 12, animate: false });
  }

  pan(right, down) {
    this.maps[0].panBy([right, down], { animate: false });
  }

  zoom(by) {
    this.maps[0].zoomTo(this.maps[0].getZoom() + by, { animate: false });
  }

  // Shows the picture of `tiles` as a layer of one map, in place of the last of that name.
  show(side, name, tiles, bounds, look) {
    const map = this.maps[side];
    const before = name === "base" && map.getLayer("over") ? "over" : undefined;
    if (map.getLayer(name)) map.removeLayer(name);
    if (map.getSource(name)) map.removeSource(name);
    if (!tiles) return;
    const [southWest, northEast] = this.plane.bounds(bounds);
    map.addSource(name, {
      type: "raster", tiles: [tiles], tileSize: 256, minzoom: 0, maxzoom: this.plane.native,
      bounds: [southWest.lng, southWest.lat, northEast.lng, northEast.lat],
    });
    const paint = { "raster-fade-duration": 0, "raster-opacity": look.opacity, "raster-resampling": look.smooth ? "linear" : "nearest" };
    map.addLayer({ id: name, type: "raster", source: name, paint }, before);
  }

  opacity(value) {
    for (const map of this.maps) if (map.getLayer("over")) map.setPaintProperty("over", "raster-opacity", value);
  }
}

// Moves each map where the other one is moved.
function linked(first, second) {
  let moving = false;
  const follow = (leader, other) => () => {
    if (moving) return;
    moving = true;
    other.jumpTo({ center: leader.getCenter(), zoom: leader.getZoom() });
    moving = false;
  };
  const [one, two] = [follow(first, second), follow(second, first)];
  first.on("move", one);
  second.on("move", two);
  return () => {
    first.off("move", one);
    second.off("move", two);
  };
}
