; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @step(ptr dead_on_unwind noalias noundef writable writeonly sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v1, ptr noundef nonnull align 8 captures(none) %v2, i64 noundef %v3, i64 noundef %v4, i64 noundef %v5) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v6 = alloca [24 x i8], align 8
  %v7 = alloca [24 x i8], align 8
  %v8 = getelementptr inbounds nuw i8, ptr %v2, i64 64
  %v9 = getelementptr inbounds nuw i8, ptr %v2, i64 136
  %v10 = load i64, ptr %v9, align 8
  %v11 = add i64 %v10, %v4
  %v12 = getelementptr inbounds nuw i8, ptr %v2, i64 152
  %v13 = load i64, ptr %v12, align 8
  %v14 = getelementptr inbounds nuw i8, ptr %v2, i64 160
  %v15 = load i64, ptr %v14, align 8
  %v16 = and i64 %v15, %v13
  %v17 = icmp eq i64 %v16, -1
  %v18 = getelementptr inbounds nuw i8, ptr %v2, i64 96
  %v19 = getelementptr inbounds nuw i8, ptr %v2, i64 104
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  %v20 = load i64, ptr %v18, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v19, i64 24, i1 false)
  %v21 = icmp eq i64 %v20, 4
  br i1 %v21, label %b1, label %b19
b1:
  %v22 = getelementptr i8, ptr %v2, i64 228
  %v23 = icmp ult i64 %v5, %v13
  %v24 = getelementptr inbounds nuw i8, ptr %v2, i64 48
  %v25 = getelementptr inbounds nuw i8, ptr %v2, i64 168
  %v26 = getelementptr inbounds nuw i8, ptr %v2, i64 208
  %v27 = getelementptr inbounds nuw i8, ptr %v2, i64 224
  %v28 = getelementptr inbounds nuw i8, ptr %v2, i64 216
  %v29 = getelementptr inbounds nuw i8, ptr %v2, i64 88
  %v30 = getelementptr inbounds nuw i8, ptr %v2, i64 72
  %v31 = getelementptr inbounds nuw i8, ptr %v2, i64 80
  %v32 = getelementptr inbounds nuw i8, ptr %v2, i64 144
  %v33 = getelementptr inbounds nuw i8, ptr %v2, i64 112
  %v34 = getelementptr inbounds nuw i8, ptr %v2, i64 120
  br i1 %v23, label %b2, label %b20
b2:
  %v35 = phi i64 [ %v36, %b18 ], [ %v3, %b1 ]
  %v37 = phi i64 [ %v38, %b18 ], [ %v11, %b1 ]
  call void @llvm.lifetime.end.p0(ptr nonnull %v6)
  %v39 = load i8, ptr %v22, align 4
  %v40 = trunc nuw i8 %v39 to i1
  %v41 = load i64, ptr %v24, align 8
  %v42 = sub i64 %v35, %v41
  br i1 %v40, label %b6, label %b3
b3:
  %v43 = and i64 %v42, 4294967295
  %v44 = icmp ult i64 %v43, %v15
  br i1 %v44, label %b4, label %b21
b4:
  %v45 = icmp eq i64 %v37, 0
  br i1 %v45, label %b5, label %b8
b5:
  %v46 = load i64, ptr %v25, align 8
  %v47 = sub i64 %v35, %v46
  %v48 = and i64 %v47, 4294967295
  %v49 = load ptr, ptr %v26, align 8
  %v50 = load atomic i32, ptr %v49 monotonic, align 4
  %v51 = zext i32 %v50 to i64
  br label %b10
b6:
  %v52 = icmp ult i64 %v42, %v15
  br i1 %v52, label %b7, label %b21
b7:
  %v53 = load i64, ptr %v25, align 8
  %v54 = icmp eq i64 %v37, 0
  br i1 %v54, label %b9, label %b8
b8:
  %v55 = load i32, ptr %v27, align 8
  %v56 = zext i32 %v55 to i64
  br label %b13
b9:
  %v57 = sub i64 %v35, %v53
  %v58 = load ptr, ptr %v26, align 8
  %v59 = load atomic i64, ptr %v58 monotonic, align 8
  br label %b10
b10:
  %v60 = phi i64 [ %v57, %b9 ], [ %v48, %b5 ]
  %v61 = phi i64 [ -1, %b9 ], [ 4294967295, %b5 ]
  %v62 = phi i64 [ %v59, %b9 ], [ %v51, %b5 ]
  fence acquire
  %v63 = sub i64 %v62, %v35
  %v64 = and i64 %v63, %v61
  %v65 = and i64 %v62, 7
  %v66 = icmp eq i64 %v65, 0
  br i1 %v66, label %b11, label %b17
b11:
  %v67 = load i32, ptr %v27, align 8
  %v68 = zext i32 %v67 to i64
  %v69 = tail call i64 @llvm.usub.sat.i64(i64 %v68, i64 %v60)
  %v70 = icmp ugt i64 %v64, %v69
  br i1 %v70, label %b17, label %b12
b12:
  %v71 = icmp eq i64 %v64, 0
  br i1 %v71, label %b21, label %b13
b13:
  %v72 = phi i64 [ %v64, %b12 ], [ %v37, %b8 ]
  %v73 = phi i64 [ %v68, %b12 ], [ %v56, %b8 ]
  %v74 = add nsw i64 %v73, -8
  %v75 = and i64 %v74, %v35
  %v76 = load ptr, ptr %v28, align 8
  %v77 = getelementptr inbounds nuw i8, ptr %v76, i64 %v75
  %v78 = load atomic i32, ptr %v77 monotonic, align 4
  fence acquire
  %v79 = icmp sgt i32 %v78, -1
  br i1 %v79, label %b14, label %b21
b14:
  %v80 = and i32 %v78, 1073741823
  %v81 = add nuw nsw i32 %v80, 15
  %v82 = and i32 %v81, 2147483640
  %v83 = zext nneg i32 %v82 to i64
  %v84 = icmp ult i64 %v72, %v83
  br i1 %v84, label %b16, label %b15
b15:
  %v36 = add i64 %v35, %v83
  %v38 = sub nuw i64 %v72, %v83
  %v85 = load i8, ptr %v29, align 8
  %v86 = load i64, ptr %v8, align 8
  %v87 = icmp eq i8 %v85, 0
  %v88 = select i1 %v87, i8 1, i8 2
  store i64 %v35, ptr %v8, align 8
  store i64 %v86, ptr %v30, align 8
  store i64 %v36, ptr %v31, align 8
  store i8 %v88, ptr %v29, align 8
  %v89 = icmp samesign ult i32 %v78, 1073741824
  br i1 %v89, label %b22, label %b18
b16:
  %v90 = load i8, ptr %v22, align 4
  %v91 = trunc nuw i8 %v90 to i1
  %v92 = select i1 %v91, i64 -1, i64 4294967295
  br label %b17
b17:
  %v93 = phi i64 [ %v83, %b16 ], [ %v62, %b10 ], [ %v62, %b11 ]
  %v94 = phi i64 [ %v92, %b16 ], [ %v61, %b10 ], [ %v61, %b11 ]
  %v95 = phi i64 [ %v72, %b16 ], [ undef, %b10 ], [ undef, %b11 ]
  %v96 = phi i64 [ 3, %b16 ], [ 2, %b11 ], [ 1, %b10 ]
  %v97 = phi i64 [ %v72, %b16 ], [ 0, %b10 ], [ 0, %b11 ]
  %v98 = and i64 %v94, %v35
  store i64 %v96, ptr %v18, align 8
  store i64 %v93, ptr %v19, align 8
  store i64 %v95, ptr %v33, align 8
  store i64 %v98, ptr %v34, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v19, i64 24, i1 false)
  br label %b19
b18:
  %v99 = load i64, ptr %v32, align 8
  %v100 = add i64 %v99, 1
  store i64 %v100, ptr %v32, align 8
  %v101 = load i64, ptr %v18, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v19, i64 24, i1 false)
  %v102 = icmp eq i64 %v101, 4
  br i1 %v102, label %b2, label %b19
b19:
  %v103 = phi i64 [ %v11, %b0 ], [ %v97, %b17 ], [ %v38, %b18 ]
  %v104 = phi i64 [ %v3, %b0 ], [ %v35, %b17 ], [ %v36, %b18 ]
  %v105 = phi i64 [ %v20, %b0 ], [ %v96, %b17 ], [ %v101, %b18 ]
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v7, ptr noundef nonnull align 8 dereferenceable(24) %v6, i64 24, i1 false)
  br label %b20
b20:
  %v106 = phi i64 [ %v104, %b19 ], [ %v3, %b1 ]
  %v107 = phi i64 [ %v103, %b19 ], [ %v11, %b1 ]
  %v108 = phi i64 [ %v105, %b19 ], [ 7, %b1 ]
  call void @llvm.lifetime.end.p0(ptr nonnull %v6)
  br label %b21
b21:
  %v109 = phi i64 [ %v106, %b20 ], [ %v35, %b3 ], [ %v35, %b6 ], [ %v35, %b12 ], [ %v35, %b13 ]
  %v110 = phi i64 [ %v107, %b20 ], [ %v72, %b13 ], [ 0, %b12 ], [ %v37, %b6 ], [ %v37, %b3 ]
  %v111 = phi i64 [ %v108, %b20 ], [ 5, %b13 ], [ 6, %b12 ], [ 7, %b6 ], [ 7, %b3 ]
  store i64 %v110, ptr %v9, align 8
  store i64 %v109, ptr %v1, align 8
  %v112 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 0, ptr %v112, align 8
  %v113 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v109, ptr %v113, align 8
  %v114 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 %v111, ptr %v114, align 8
  %v115 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v115, ptr noundef nonnull align 8 dereferenceable(24) %v7, i64 24, i1 false)
  br label %b25
b22:
  br i1 %v17, label %b23, label %b24
b23:
  %v116 = getelementptr inbounds nuw i8, ptr %v2, i64 128
  %v117 = load i64, ptr %v116, align 8
  %v118 = tail call noundef i64 @llvm.umin.i64(i64 %v117, i64 %v38)
  br label %b24
b24:
  %v119 = phi i64 [ %v118, %b23 ], [ 0, %b22 ]
  %v120 = sub i64 %v38, %v119
  store i64 %v120, ptr %v9, align 8
  store i64 %v36, ptr %v1, align 8
  %v121 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 %v119, ptr %v121, align 8
  %v122 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v35, ptr %v122, align 8
  %v123 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 4, ptr %v123, align 8
  %v124 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i32 %v80, ptr %v124, align 8
  br label %b25
b25:
  ret void
}
