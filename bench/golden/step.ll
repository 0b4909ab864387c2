; rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
define void @step(ptr dead_on_unwind noalias noundef writable writeonly sret([56 x i8]) align 8 captures(none) dereferenceable(56) %v1, ptr noundef nonnull align 8 captures(none) %v2, i64 noundef %v3, i64 noundef %v4, i64 noundef %v5) unnamed_addr personality ptr @rust_eh_personality {
b0:
  %v6 = alloca [24 x i8], align 8
  %v7 = alloca [24 x i8], align 8
  %v8 = getelementptr inbounds nuw i8, ptr %v2, i64 64
  %v9 = load i64, ptr %v8, align 8
  %v10 = add i64 %v9, %v4
  %v11 = getelementptr inbounds nuw i8, ptr %v2, i64 80
  %v12 = load i64, ptr %v11, align 8
  %v13 = getelementptr inbounds nuw i8, ptr %v2, i64 88
  %v14 = load i64, ptr %v13, align 8
  %v15 = and i64 %v14, %v12
  %v16 = icmp eq i64 %v15, -1
  %v17 = getelementptr inbounds nuw i8, ptr %v2, i64 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  %v18 = load i64, ptr %v2, align 8
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v17, i64 24, i1 false)
  %v19 = icmp eq i64 %v18, 4
  br i1 %v19, label %b1, label %b19
b1:
  %v20 = getelementptr i8, ptr %v2, i64 212
  %v21 = icmp ult i64 %v5, %v12
  %v22 = getelementptr inbounds nuw i8, ptr %v2, i64 112
  %v23 = getelementptr inbounds nuw i8, ptr %v2, i64 152
  %v24 = getelementptr inbounds nuw i8, ptr %v2, i64 192
  %v25 = getelementptr inbounds nuw i8, ptr %v2, i64 208
  %v26 = getelementptr inbounds nuw i8, ptr %v2, i64 200
  %v27 = getelementptr inbounds nuw i8, ptr %v2, i64 40
  %v28 = getelementptr inbounds nuw i8, ptr %v2, i64 48
  %v29 = getelementptr inbounds nuw i8, ptr %v2, i64 56
  %v30 = getelementptr inbounds nuw i8, ptr %v2, i64 72
  %v31 = getelementptr inbounds nuw i8, ptr %v2, i64 16
  %v32 = getelementptr inbounds nuw i8, ptr %v2, i64 24
  br i1 %v21, label %b2, label %b20
b2:
  %v33 = phi i64 [ %v34, %b18 ], [ %v3, %b1 ]
  %v35 = phi i64 [ %v36, %b18 ], [ %v10, %b1 ]
  call void @llvm.lifetime.end.p0(ptr nonnull %v6)
  %v37 = load i8, ptr %v20, align 4
  %v38 = trunc nuw i8 %v37 to i1
  %v39 = load i64, ptr %v22, align 8
  %v40 = sub i64 %v33, %v39
  br i1 %v38, label %b6, label %b3
b3:
  %v41 = and i64 %v40, 4294967295
  %v42 = icmp ult i64 %v41, %v14
  br i1 %v42, label %b4, label %b21
b4:
  %v43 = icmp eq i64 %v35, 0
  br i1 %v43, label %b5, label %b8
b5:
  %v44 = load i64, ptr %v23, align 8
  %v45 = sub i64 %v33, %v44
  %v46 = and i64 %v45, 4294967295
  %v47 = load ptr, ptr %v24, align 8
  %v48 = load atomic i32, ptr %v47 monotonic, align 4
  %v49 = zext i32 %v48 to i64
  br label %b10
b6:
  %v50 = icmp ult i64 %v40, %v14
  br i1 %v50, label %b7, label %b21
b7:
  %v51 = load i64, ptr %v23, align 8
  %v52 = icmp eq i64 %v35, 0
  br i1 %v52, label %b9, label %b8
b8:
  %v53 = load i32, ptr %v25, align 8
  %v54 = zext i32 %v53 to i64
  br label %b13
b9:
  %v55 = sub i64 %v33, %v51
  %v56 = load ptr, ptr %v24, align 8
  %v57 = load atomic i64, ptr %v56 monotonic, align 8
  br label %b10
b10:
  %v58 = phi i64 [ %v55, %b9 ], [ %v46, %b5 ]
  %v59 = phi i64 [ -1, %b9 ], [ 4294967295, %b5 ]
  %v60 = phi i64 [ %v57, %b9 ], [ %v49, %b5 ]
  fence acquire
  %v61 = sub i64 %v60, %v33
  %v62 = and i64 %v61, %v59
  %v63 = and i64 %v60, 7
  %v64 = icmp eq i64 %v63, 0
  br i1 %v64, label %b11, label %b17
b11:
  %v65 = load i32, ptr %v25, align 8
  %v66 = zext i32 %v65 to i64
  %v67 = tail call i64 @llvm.usub.sat.i64(i64 %v66, i64 %v58)
  %v68 = icmp ugt i64 %v62, %v67
  br i1 %v68, label %b17, label %b12
b12:
  %v69 = icmp eq i64 %v62, 0
  br i1 %v69, label %b21, label %b13
b13:
  %v70 = phi i64 [ %v62, %b12 ], [ %v35, %b8 ]
  %v71 = phi i64 [ %v66, %b12 ], [ %v54, %b8 ]
  %v72 = add nsw i64 %v71, -8
  %v73 = and i64 %v72, %v33
  %v74 = load ptr, ptr %v26, align 8
  %v75 = getelementptr inbounds nuw i8, ptr %v74, i64 %v73
  %v76 = load atomic i32, ptr %v75 monotonic, align 4
  fence acquire
  %v77 = icmp sgt i32 %v76, -1
  br i1 %v77, label %b14, label %b21
b14:
  %v78 = and i32 %v76, 1073741823
  %v79 = add nuw nsw i32 %v78, 15
  %v80 = and i32 %v79, 2147483640
  %v81 = zext nneg i32 %v80 to i64
  %v82 = icmp ult i64 %v70, %v81
  br i1 %v82, label %b16, label %b15
b15:
  %v34 = add i64 %v33, %v81
  %v36 = sub nuw i64 %v70, %v81
  %v83 = load i64, ptr %v27, align 8
  store i64 %v33, ptr %v27, align 8
  store i64 %v83, ptr %v28, align 8
  store i64 %v34, ptr %v29, align 8
  %v84 = icmp samesign ult i32 %v76, 1073741824
  br i1 %v84, label %b22, label %b18
b16:
  %v85 = load i8, ptr %v20, align 4
  %v86 = trunc nuw i8 %v85 to i1
  %v87 = select i1 %v86, i64 -1, i64 4294967295
  br label %b17
b17:
  %v88 = phi i64 [ %v81, %b16 ], [ %v60, %b10 ], [ %v60, %b11 ]
  %v89 = phi i64 [ %v87, %b16 ], [ %v59, %b10 ], [ %v59, %b11 ]
  %v90 = phi i64 [ %v70, %b16 ], [ undef, %b10 ], [ undef, %b11 ]
  %v91 = phi i64 [ 3, %b16 ], [ 2, %b11 ], [ 1, %b10 ]
  %v92 = phi i64 [ %v70, %b16 ], [ 0, %b10 ], [ 0, %b11 ]
  %v93 = and i64 %v89, %v33
  store i64 %v91, ptr %v2, align 8
  store i64 %v88, ptr %v17, align 8
  store i64 %v90, ptr %v31, align 8
  store i64 %v93, ptr %v32, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v17, i64 24, i1 false)
  br label %b19
b18:
  %v94 = load i64, ptr %v30, align 8
  %v95 = add i64 %v94, 1
  store i64 %v95, ptr %v30, align 8
  %v96 = load i64, ptr %v2, align 8
  call void @llvm.lifetime.start.p0(ptr nonnull %v6)
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v6, ptr noundef nonnull align 8 dereferenceable(24) %v17, i64 24, i1 false)
  %v97 = icmp eq i64 %v96, 4
  br i1 %v97, label %b2, label %b19
b19:
  %v98 = phi i64 [ %v10, %b0 ], [ %v92, %b17 ], [ %v36, %b18 ]
  %v99 = phi i64 [ %v3, %b0 ], [ %v33, %b17 ], [ %v34, %b18 ]
  %v100 = phi i64 [ %v18, %b0 ], [ %v91, %b17 ], [ %v96, %b18 ]
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v7, ptr noundef nonnull align 8 dereferenceable(24) %v6, i64 24, i1 false)
  br label %b20
b20:
  %v101 = phi i64 [ %v99, %b19 ], [ %v3, %b1 ]
  %v102 = phi i64 [ %v98, %b19 ], [ %v10, %b1 ]
  %v103 = phi i64 [ %v100, %b19 ], [ 7, %b1 ]
  call void @llvm.lifetime.end.p0(ptr nonnull %v6)
  br label %b21
b21:
  %v104 = phi i64 [ %v101, %b20 ], [ %v33, %b3 ], [ %v33, %b6 ], [ %v33, %b12 ], [ %v33, %b13 ]
  %v105 = phi i64 [ %v102, %b20 ], [ %v70, %b13 ], [ 0, %b12 ], [ %v35, %b6 ], [ %v35, %b3 ]
  %v106 = phi i64 [ %v103, %b20 ], [ 5, %b13 ], [ 6, %b12 ], [ 7, %b6 ], [ 7, %b3 ]
  store i64 %v105, ptr %v8, align 8
  store i64 %v104, ptr %v1, align 8
  %v107 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 0, ptr %v107, align 8
  %v108 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v104, ptr %v108, align 8
  %v109 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 %v106, ptr %v109, align 8
  %v110 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  call void @llvm.memcpy.p0.p0.i64(ptr noundef nonnull align 8 dereferenceable(24) %v110, ptr noundef nonnull align 8 dereferenceable(24) %v7, i64 24, i1 false)
  br label %b25
b22:
  br i1 %v16, label %b23, label %b24
b23:
  %v111 = getelementptr inbounds nuw i8, ptr %v2, i64 32
  %v112 = load i64, ptr %v111, align 8
  %v113 = tail call noundef i64 @llvm.umin.i64(i64 %v112, i64 %v36)
  br label %b24
b24:
  %v114 = phi i64 [ %v113, %b23 ], [ 0, %b22 ]
  %v115 = sub i64 %v36, %v114
  store i64 %v115, ptr %v8, align 8
  store i64 %v34, ptr %v1, align 8
  %v116 = getelementptr inbounds nuw i8, ptr %v1, i64 8
  store i64 %v114, ptr %v116, align 8
  %v117 = getelementptr inbounds nuw i8, ptr %v1, i64 16
  store i64 %v33, ptr %v117, align 8
  %v118 = getelementptr inbounds nuw i8, ptr %v1, i64 24
  store i64 4, ptr %v118, align 8
  %v119 = getelementptr inbounds nuw i8, ptr %v1, i64 32
  store i32 %v78, ptr %v119, align 8
  br label %b25
b25:
  ret void
}
