// A mesh that is turned by dragging, moved nearer by the wheel, and stands upright again on a double click.
// Called by geolearn.reports.mesh_viewer with the canvas and base64 arrays; it loads nothing. With `data.motions` a
// slider for each moves the vertices by its value times the motion; they add up.
function showMesh(canvas, data) {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const still = new Float32Array(bytes(data.positions));
  const positions = still.slice();
  const motions = (data.motions || []).map((one) => ({ ...one, amount: 0, vectors: new Int16Array(bytes(one.vectors)) }));
  const faces = new Uint32Array(bytes(data.faces));
  const colours = data.colours ? new Uint8Array(bytes(data.colours)) : null;
  const gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true });
  if (!gl || !gl.getExtension("OES_element_index_uint")) {
    canvas.insertAdjacentHTML("afterend", "<p>This browser shows no WebGL; open the GLB file in a viewer instead.</p>");
    canvas.remove();
    return;
  }

  const normals = new Float32Array(positions.length);
  function findNormals() {
    normals.fill(0);
    for (let f = 0; f < faces.length; f += 3) {
      const a = 3 * faces[f], b = 3 * faces[f + 1], c = 3 * faces[f + 2];
      const ux = positions[b] - positions[a], vx = positions[c] - positions[a];
      const uy = positions[b + 1] - positions[a + 1], vy = positions[c + 1] - positions[a + 1];
      const uz = positions[b + 2] - positions[a + 2], vz = positions[c + 2] - positions[a + 2];
      const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
      for (const corner of [a, b, c]) { normals[corner] += x; normals[corner + 1] += y; normals[corner + 2] += z; }
    }
  }
  findNormals();

  const shader = (kind, source) => {
    const made = gl.createShader(kind);
    gl.shaderSource(made, source);
    gl.compileShader(made);
    if (!gl.getShaderParameter(made, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(made));
    return made;
  };
  const program = gl.createProgram();
  gl.attachShader(program, shader(gl.VERTEX_SHADER, `
    attribute vec3 position, normal, colour;
    uniform mat3 turn; uniform vec2 lens; uniform float distance, reach;
    varying vec3 towards, shade;
    void main() {
      vec3 place = turn * position;
      float depth = distance - place.z;
      float near = max(distance - reach, 0.05), far = distance + reach;
      gl_Position = vec4(place.xy * lens, ((far + near) * depth - 2.0 * far * near) / (far - near), depth);
      towards = turn * normal;
      shade = colour;
    }`));
  gl.attachShader(program, shader(gl.FRAGMENT_SHADER, `
    precision mediump float;
    uniform bool coloured;
    varying vec3 towards, shade;
    void main() {
      vec3 n = normalize(towards);
      float light = 0.35 + 0.5 * abs(n.z) + 0.15 * max(0.0, dot(n, normalize(vec3(-0.5, 0.8, 0.4))));
      vec3 base = coloured ? shade : (n.z > 0.0 ? vec3(0.72, 0.78, 0.86) : vec3(0.85, 0.45, 0.35));
      gl_FragColor = vec4(base * light, 1.0);
    }`));
  gl.linkProgram(program);
  gl.useProgram(program);
  const attribute = (name, values, kind, scaled) => {
    const place = gl.getAttribLocation(program, name);
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, kind, scaled, 0, 0);
    return buffer;
  };
  const moving = [[attribute("position", positions, gl.FLOAT, false), positions],
                  [attribute("normal", normals, gl.FLOAT, false), normals]];
  attribute("colour", colours || new Uint8Array(positions.length), gl.UNSIGNED_BYTE, true);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, faces, gl.STATIC_DRAW);
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(0.96, 0.96, 0.96, 1);

  const growth = motions.map((one) => 57000 * one.scale * Math.max(one.high, -one.low));
  // Far enough for the shape, whose radius is at most 0.5, at the end of any one slider.
  const start = { azimuth: 0.6, elevation: 0.35, distance: Math.min(2.6 * (1 + 2 * Math.max(0, ...growth)), 6) };
  // the farthest that a vertex can come to lie from the middle
  const reach = 0.6 + growth.reduce((sum, one) => sum + one, 0);
  let view = { ...start }, spinning = true, coloured = colours !== null;
  const uniform = (name) => gl.getUniformLocation(program, name);
  function draw() {
    const side = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1));
    const tall = Math.round(canvas.clientHeight * (window.devicePixelRatio || 1));
    if (canvas.width !== side || canvas.height !== tall) { canvas.width = side; canvas.height = tall; }
    gl.viewport(0, 0, side, tall);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const [sa, ca] = [Math.sin(view.azimuth), Math.cos(view.azimuth)];
    const [se, ce] = [Math.sin(view.elevation), Math.cos(view.elevation)];
    gl.uniformMatrix3fv(uniform("turn"), false, [ca, se * sa, -ce * sa, 0, ce, se, sa, -se * ca, ce * ca]);
    const zoom = 4.4 * Math.min(1, side / tall);
    gl.uniform2f(uniform("lens"), zoom * tall / side, zoom);
    gl.uniform1f(uniform("distance"), view.distance);
    gl.uniform1f(uniform("reach"), reach);
    gl.uniform1i(uniform("coloured"), coloured ? 1 : 0);
    gl.drawElements(gl.TRIANGLES, faces.length, gl.UNSIGNED_INT, 0);
    canvas.dataset.drawn = "yes";
  }
  let frame = 0;
  const redraw = () => {
    frame = frame || requestAnimationFrame(() => {
      frame = 0;
      draw();
      if (spinning) { view.azimuth += 0.008; redraw(); }
    });
  };

  function move() {
    positions.set(still);
    for (const { amount, scale, vectors } of motions) {
      if (amount) for (let i = 0; i < positions.length; i++) positions[i] += amount * scale * vectors[i];
    }
    findNormals();
    for (const [buffer, values] of moving) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
    }
    redraw();
  }
  for (const motion of [...motions].reverse()) {
    const label = document.createElement("label"), slider = document.createElement("input");
    const number = document.createElement("output");
    Object.assign(slider, { type: "range", min: motion.low, max: motion.high, step: 0.01, value: 0 });
    slider.name = motion.name;
    label.style.display = "block";
    number.textContent = "0";
    slider.addEventListener("input", () => {
      motion.amount = slider.valueAsNumber;
      number.textContent = (motion.amount > 0 ? "+" : "") + motion.amount;
      spinning = false;
      move();
    });
    label.append(motion.name + " ", slider, " ", number);
    canvas.after(label);
  }

  canvas.addEventListener("pointerdown", (event) => { spinning = false; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    view.azimuth += 0.01 * event.movementX;
    view.elevation = Math.max(-1.57, Math.min(1.57, view.elevation + 0.01 * event.movementY));
    redraw();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.distance = Math.max(1.0, Math.min(8, view.distance * Math.exp(0.001 * event.deltaY)));
    redraw();
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { view = { ...start }; redraw(); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (event.key === "c" && colours) coloured = !coloured;
    else if (step) { view.azimuth += step[0]; view.elevation = Math.max(-1.57, Math.min(1.57, view.elevation + step[1])); }
    else return;
    spinning = false;
    event.preventDefault();
    redraw();
  });
  window.addEventListener("resize", redraw);
  draw();
  redraw();
}
